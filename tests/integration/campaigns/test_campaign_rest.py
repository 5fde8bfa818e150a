"""/api/v1/campaigns and deliveries, for members, keys and staff."""

from __future__ import annotations

from base64 import b64decode
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign, Delivery, DeliveryStatus, RecipientAction
from campaigns.services import steering
from campaigns.transitions import Place, move_deliveries
from ops_console.access.policy import POLICY
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Member, MemberStatus, Organization
from ops_console.organizations.rights import Right
from ops_console.organizations.services import rosters
from tests import authoring, bearers, factories, ops, tenants
from tests import campaigns as made
from tests.campaigns import later
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db
READ, WRITE, START = Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE, Right.CAMPAIGNS_START
SOON = "2199-03-18T09:30:00.000Z"


@pytest.fixture
def organization() -> Organization:
    return factories.organization()


@pytest.fixture
def client(organization: Organization) -> bearers.BearerClient:
    return bearers.client(organization, READ, WRITE, START, Right.GROUPS_ALL_READ, Right.TEAMS_ALL_READ)


def staff() -> ops.StaffClient:
    return ops.client(*(pair for pair in POLICY if pair[0] in ("campaigns", "deliveries")))


def body(of: Organization, *members: Member, **given: Any) -> dict[str, Any]:
    if "audience" not in given:
        given.setdefault("userIds", [str(member.pk) for member in members or tenants.members(of, 1)])
    return {
        "name": "Loft inspection",
        "templateId": str(made.template(of).pk),
        "workflow": made.workflow(),
        **given,
    }


def created(client: Any, organization: Organization, *members: Member, **given: Any) -> dict[str, Any]:
    answer = client.send("campaigns", body(organization, *members, **given))
    assert answer.status_code == 201, answer.content
    shown: dict[str, Any] = answer.json()
    assert answer["Location"] == f"/api/v1/campaigns/{shown['id']}"
    return shown


def pointers(answer: Any) -> set[str]:
    assert answer.status_code == 400, answer.content
    return {fault.get("pointer") or fault["parameter"] for fault in answer.json()["errors"]}


def act(client: Any, campaign: Any, verb: str, given: Any = None, *, status: int = 200) -> Any:
    pk = campaign["id"] if isinstance(campaign, dict) else campaign.pk
    answer = client.send(f"campaigns/{pk}/{verb}", given)
    assert answer.status_code == status, answer.content
    return answer.json()


# --- Making and changing -------------------------------------------------------------------------------------------


def test_a_campaign_is_made_read_and_listed(client: Any, organization: Organization) -> None:
    one = tenants.member(organization)
    shown = created(
        client,
        organization,
        audience=[{"userId": str(one.pk).upper(), "variables": {"loft": "North"}}],
        title="Inspection",
        critical=True,
        quietFrom="22:00",
        quietUntil="06:30",
        ratePerS=50,
    )
    assert (shown["status"], shown["state"], shown["recipients"]) == ("created", "created", 1)
    assert (shown["critical"], shown["quietFrom"], shown["quietUntil"], shown["ratePerS"]) == (
        True,
        "22:00",
        "06:30",
        50,
    )
    assert shown["counts"]["open"] == 1
    assert shown["counts"]["deliveries"] == dict.fromkeys(DeliveryStatus.values, 0)
    assert [step["id"] for step in shown["workflow"]["steps"]] == ["send"]
    assert shown["steps"] == []
    assert client.get(f"/api/v1/campaigns/{shown['id']}").json() == shown
    [row] = client.rows("campaigns")
    assert row == {name: value for name, value in shown.items() if name not in ("workflow", "steps")}
    [member] = client.rows(f"campaigns/{shown['id']}/audience")
    assert member == {
        "userId": str(one.pk),
        "email": one.person.email,
        "variables": {"loft": "North"},
        "closing": "open",
        "closedAt": None,
    }


def test_an_audience_of_groups_and_teams(client: Any, organization: Organization) -> None:
    everybody = tenants.members(organization, 5)
    kinds: dict[str, Any] = {"groupIds": rosters.GROUPS, "teamIds": rosters.TEAMS}
    given: dict[str, Any] = {}
    for (field, kind), members in zip(kinds.items(), (everybody[:3], everybody[2:4]), strict=True):
        roster = rosters.create_roster(
            kind=kind, name="Night", description="", organization_id=organization.pk, actor=COMMAND, now=NOW
        )
        ids = [member.pk for member in members]
        rosters.add_members(kind=kind, roster_id=roster.pk, user_ids=ids, actor=COMMAND, now=NOW)
        given[field] = [str(roster.pk)]
    Member.objects.filter(pk=everybody[0].pk).update(status=MemberStatus.DEACTIVATED)
    shown = created(client, organization, userIds=[str(everybody[3].pk), str(everybody[4].pk)], **given)
    campaign = Campaign.objects.get(pk=shown["id"])
    assert set(campaign.audience.values_list("member", flat=True)) == {member.pk for member in everybody[1:]}
    assert (shown["recipients"], campaign.n_recipients) == (4, 4)
    made.assert_counts_equal_rows(campaign)
    assert created(client, organization, userIds=[], **given)["recipients"] == 3


def test_rosters_must_be_the_organizations_and_not_empty(client: Any, organization: Organization) -> None:
    foreign = rosters.create_roster(
        kind=rosters.GROUPS,
        name="Night",
        description="",
        organization_id=factories.organization("Other").pk,
        actor=COMMAND,
        now=NOW,
    )
    empty = rosters.create_roster(
        kind=rosters.TEAMS, name="Day", description="", organization_id=organization.pk, actor=COMMAND, now=NOW
    )
    send = client.send
    assert pointers(send("campaigns", body(organization, groupIds=[str(foreign.pk)]))) == {"/groupIds/0"}
    assert pointers(send("campaigns", body(organization, userIds=[], teamIds=[str(empty.pk)]))) == {"/teamIds"}
    # Who may not read who is in one does not find it here either, unless he is in it himself.
    maker = tenants.member(organization, READ, WRITE)
    plain = bearers.BearerClient(bearers.token_of(maker))
    given = {"userIds": [], "teamIds": [str(empty.pk)]}
    assert pointers(plain.send("campaigns", body(organization, **given))) == {"/teamIds/0"}
    rosters.add_members(kind=rosters.TEAMS, roster_id=empty.pk, user_ids=[maker.pk], actor=COMMAND, now=NOW)
    assert created(plain, organization, **given)["recipients"] == 1
    Campaign.objects.all().delete()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "\n"}, "/name"),
        ({"templateId": str(uuid4())}, "/templateId"),
        ({"templateVersion": 7}, "/templateVersion"),
        ({"workflow": {"steps": []}}, "/workflow/steps"),
        ({"workflow": {"steps": [{"id": "a", "colour": "grey"}]}}, "/workflow"),
        ({"workflow": {"steps": [made.deadline(delay="1d")]}}, "/workflow/steps/0/deadlineCheck/delay"),
        ({"userIds": ["x"]}, "/userIds/0"),
        ({"userIds": "x"}, "/userIds"),
        ({"userIds": [str(uuid4())]}, "/userIds/0"),
        ({"audience": [{"variables": {}}]}, "/audience/0"),
        ({"audience": [{"userId": str(uuid4()), "variables": {"a": 1}}]}, "/audience/0"),
        ({"audience": [{"userId": str(uuid4())}]}, "/audience/0/userId"),
        ({"quietFrom": "22:00"}, "/quietUntil"),
        ({"quietFrom": "25:00"}, "/quietFrom"),
        ({"quietFrom": "22:00", "quietUntil": "22:00"}, "/quietUntil"),
        ({"ratePerS": 0}, "/ratePerS"),
        ({"critical": "yes"}, "/critical"),
    ],
)
def test_what_is_wrong_is_named(client: Any, organization: Organization, given: Any, pointer: str) -> None:
    assert pointers(client.send("campaigns", body(organization, **given))) == {pointer}


def test_what_is_left_out_stays(client: Any, organization: Organization) -> None:
    shown = created(client, organization, quietFrom="22:00", quietUntil="06:00")
    path = f"campaigns/{shown['id']}"
    changed = client.send(path, {"name": "Other", "title": "New", "reason": "Asked for."}, method="PATCH").json()
    assert (changed["name"], changed["title"], changed["quietFrom"]) == ("Other", "New", "22:00")
    assert client.send(path, {"title": ""}, method="PATCH").json()["title"] == ""
    assert pointers(client.send(path, {"quietUntil": None}, method="PATCH")) == {"/quietUntil"}
    assert client.send(path, {"quietFrom": None, "quietUntil": None}, method="PATCH").json()["quietFrom"] is None
    assert AuditEntry.objects.filter(action="campaign.update").first().reason == "Asked for."  # type: ignore[union-attr]


# --- Actions -------------------------------------------------------------------------------------------------------


def test_a_campaign_is_steered(client: Any, organization: Organization) -> None:
    shown = created(client, organization, *tenants.members(organization, 3))
    assert act(client, shown, "schedule", {"scheduledFor": SOON, "lateness": "start"})["state"] == "scheduled"
    assert act(client, shown, "schedule", {"scheduledFor": SOON})["lateness"] == "start"
    assert act(client, shown, "schedule", {"scheduledFor": None})["state"] == "created"
    started = act(client, shown, "start", {"reason": "Now."})
    assert (started["state"], started["counts"]["deliveries"]["pending"]) == ("running", 3)
    assert [(step["id"], step["status"]) for step in started["steps"]] == [("send", "active")]
    assert act(client, shown, "start", status=409)["current"] == "running"
    assert act(client, shown, "pause")["state"] == "paused"
    assert act(client, shown, "retry", {"noDevice": True}) == {"deliveries": 0}
    assert act(client, shown, "remind") == {"deliveries": 0}
    assert act(client, shown, "resume")["state"] == "running"
    assert act(client, shown, "cancel")["state"] == "cancelled"
    assert act(client, shown, "preflight", status=405)


def test_a_preview_shows_what_its_recipients_would_be_sent(organization: Organization) -> None:
    client = bearers.client(organization, READ, WRITE, Right.MEMBERS_READ, Right.TEMPLATES_READ)
    shift = authoring.template(organization, name="Shift").template
    everybody = tenants.members(organization, 7)
    audience = [{"userId": str(member.pk), "variables": {"day": f"day {n}"}} for n, member in enumerate(everybody)]
    step = made.send()
    step["sendNotification"]["customVariables"] = {"day": "Sunday"}
    audience.append({"userId": str((last := tenants.member(organization)).pk)})
    shown = created(
        client, organization, templateId=str(shift.pk), audience=audience, workflow=made.workflow(step), title="Today"
    )
    path = f"campaigns/{shown['id']}/preview"
    answer = client.send(path).json()
    assert answer["version"] == 1
    assert [row["userId"] for row in answer["results"]] == [str(member.pk) for member in everybody[:5]]
    assert [row["body"].splitlines()[-1] for row in answer["results"]] == [f"you fly on day {n}." for n in range(5)]
    assert answer["results"][0]["title"] == "Today"
    assert answer["results"][0]["actions"] == [{"id": "ack", "type": "ack", "label": "Understood"}]
    stranger = tenants.member(organization)
    wanted = client.send(path, {"userIds": [str(last.pk), str(stranger.pk)]}).json()["results"]
    assert [(row["userId"], row["error"]) for row in wanted] == [
        (str(last.pk), ""),
        (str(stranger.pk), "This is no recipient of the campaign."),
    ]
    assert "Sunday" in wanted[0]["body"]
    assert pointers(client.send(path, {"userIds": [str(last.pk)] * 21})) == {"/userIds"}
    assert pointers(client.send(path, {"userIds": "x"})) == {"/userIds"}
    needed = (READ, Right.MEMBERS_READ, Right.TEMPLATES_READ)
    for missing in needed:
        assert bearers.client(organization, *(set(needed) - {missing})).send(path).status_code == 403
    assert bearers.client(factories.organization(), *Right).send(path).status_code == 404
    assert not Delivery.objects.exists()


def test_a_key_does_not_approve_and_staff_does(client: Any, organization: Organization) -> None:
    shown = created(client, organization)
    act(client, shown, "approve", status=403)
    assert act(staff(), shown, "approve")["approvedAt"] is not None


def test_a_repeated_start_with_a_key_answers_again(client: Any, organization: Organization) -> None:
    shown = created(client, organization)
    answers = [client.send(f"campaigns/{shown['id']}/start", key="once") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert Delivery.objects.count() == 1


# --- Who ------------------------------------------------------------------------------------------------------------


def test_anothers_campaign_is_not_found(client: Any) -> None:
    foreign = made.campaign(factories.organization("Other"))
    assert client.rows("campaigns") == []
    assert client.get(f"/api/v1/campaigns/{foreign.pk}").status_code == 404
    assert client.get(f"/api/v1/campaigns/{foreign.pk}/audience").status_code == 404
    for verb in ("start", "cancel", "pause", "resume", "retry", "remind"):
        act(client, foreign, verb, status=404)
    steering.start_campaign(campaign_id=foreign.pk, actor=COMMAND, now=NOW)
    assert client.rows("deliveries", campaign=str(foreign.pk)) == []
    assert client.get(f"/api/v1/deliveries/{Delivery.objects.get().pk}").status_code == 404


def test_rights_are_asked_for(organization: Organization) -> None:
    campaign = made.campaign(organization)
    nobody = bearers.client(organization, *(right for right in Right if right not in (READ, WRITE, START)))
    assert nobody.get("/api/v1/campaigns").status_code == 403
    assert nobody.get(f"/api/v1/campaigns/{campaign.pk}").status_code == 403
    assert nobody.get(f"/api/v1/deliveries?campaign={campaign.pk}").status_code == 403
    assert nobody.send("campaigns", body(organization)).status_code == 403
    for verb in ("start", "cancel", "pause", "resume", "retry", "remind", "schedule", "approve"):
        act(nobody, campaign, verb, {"scheduledFor": None} if verb == "schedule" else None, status=403)


def test_staff_make_campaigns_for_an_organization(organization: Organization) -> None:
    house = staff()
    assert pointers(house.send("campaigns", body(organization))) == {"/organization"}
    answer = house.send("campaigns", body(organization, organization=str(organization.pk)))
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert (shown["organization"], shown["createdBy"]) == (str(organization.pk), None)
    act(house, shown, "approve", status=403)


# --- Lists ---------------------------------------------------------------------------------------------------------


def test_campaigns_are_filtered(client: Any, organization: Organization) -> None:
    plain, scheduled, running, paused = (made.campaign(organization, name=name) for name in "abcd")
    steering.schedule(campaign_id=scheduled.pk, at=later(hours=1), actor=COMMAND, now=NOW)
    for campaign in (running, paused):
        steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    steering.pause(campaign_id=paused.pk, actor=COMMAND, now=NOW)

    def names(**query: str) -> list[str]:
        return [row["name"] for row in client.rows("campaigns", **query)]

    assert names() == ["d", "c", "b", "a"]
    assert names(ordering="createdAt", limit="2") == ["a", "b"]
    assert names(status="created") == ["b", "a"]
    assert names(state="created") == ["a"]
    assert names(state="scheduled") == ["b"]
    assert names(state="held") == []
    assert names(state="running") == ["c"]
    assert names(state="paused") == ["d"]
    assert names(template=str(plain.template_id)) == ["a"]
    assert names(search="C") == ["c"]
    assert client.get("/api/v1/campaigns?state=grey").status_code == 400


def test_as_many_queries_for_one_campaign_and_for_ten(client: Any, organization: Organization) -> None:
    def n_queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.rows("campaigns")
        return len(captured)

    made.campaign(organization)
    client.rows("campaigns")
    before = n_queries()
    for _ in range(9):
        made.campaign(organization)
    assert n_queries() == before


def test_deliveries_are_listed_and_told(client: Any, organization: Organization) -> None:
    members = tenants.members(organization, 3)
    campaign = made.campaign(organization, *members)
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    failed = Delivery.objects.order_by("id")[0]
    move_deliveries(
        {failed.pk: Place(campaign.pk, failed.step_id)},
        DeliveryStatus.FAILED,
        actor="engine",
        at=later(seconds=1),
        reason="There is no value for {{day}}.",
        columns={"reason": ["There is no value for {{day}}."]},
        work="",
        due_at=None,
    )
    path = str(campaign.pk)
    assert len(client.rows("deliveries", campaign=path)) == 3
    assert len(client.rows("deliveries", campaign=path, status="pending", step="send", ordering="id")) == 2
    assert len(client.rows("deliveries", campaign=path, user=str(members[0].pk))) == 1
    assert client.get(f"/api/v1/deliveries?campaign={path}&ordering=id").status_code == 400
    [row] = client.rows("deliveries", campaign=path, status="failed")
    assert (row["reason"], row["email"], row["step"]) == (
        "There is no value for {{day}}.",
        failed.member.person.email,
        "send",
    )
    assert pointers(client.get("/api/v1/deliveries")) == {"campaign"}
    shown = client.get(f"/api/v1/deliveries/{failed.pk}").json()
    assert [(moment["what"], moment["detail"]) for moment in shown.pop("timeline")] == [
        ("queued", "Step send"),
        ("failed", "There is no value for {{day}}."),
    ]
    assert shown.pop("payload") is None
    assert shown == row
    RecipientAction.objects.create(delivery=failed, action_id="ack", payload=b"\0gloves", at=NOW)
    shown = client.get(f"/api/v1/deliveries/{failed.pk}").json()
    assert (shown["action"], b64decode(shown["payload"])) == ("ack", b"\0gloves")
    assert [row["action"] for row in client.rows("deliveries", campaign=path, status="failed")] == ["ack"]
