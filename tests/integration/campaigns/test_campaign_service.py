"""CampaignService through the whole pipeline."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from protobuf import message_from_json_value

from campaigns.models import Campaign, CampaignStatus, Closing, Delivery, DeliveryStatus
from campaigns.services import steering
from campaigns.transitions import Place, close_members, move_deliveries
from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import campaign_pb as pb
from ops_console.gen.pidgr.v1.common_pb import CampaignStatus as Status
from ops_console.gen.pidgr.v1.common_pb import DeliveryStatus as WireDelivery
from ops_console.gen.pidgr.v1.common_pb import Pagination, WorkflowDefinition
from ops_console.organizations.models import MemberStatus, Organization
from ops_console.organizations.rights import Right
from tests import campaigns as made
from tests import tenants
from tests.factories import COMMAND, NOW
from tests.pidgr import Tenant, call, code, faults, refusal

pytestmark = pytest.mark.django_db
ABSENT = "01953f0e-7a2c-7cc1-b1a5-8f4a7c2d9e10"
READ, WRITE, START = Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE, Right.CAMPAIGNS_START


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def other() -> Tenant:
    return Tenant.new("Other")


def wire(*steps: dict[str, Any]) -> WorkflowDefinition:
    return message_from_json_value(WorkflowDefinition, made.workflow(*steps))


def request(tenant: Tenant, **fields: Any) -> pb.CreateCampaignRequest:
    """One that works, but for what is given."""
    if "user_ids" not in fields and "audience" not in fields:
        fields["user_ids"] = [str(tenants.member(tenant.organization).pk)]
    return pb.CreateCampaignRequest(
        **{
            "name": "Loft inspection",
            "template_id": str(made.template(tenant.organization).pk),
            "workflow": wire(),
            **fields,
        }
    )


def create(tenant: Tenant, **fields: Any) -> pb.Campaign:
    return call("CampaignService.CreateCampaign", request(tenant, **fields), tenant.key()).campaign


def refused(tenant: Tenant, **fields: Any) -> list[str]:
    return faults("CampaignService.CreateCampaign", request(tenant, **fields), tenant.key())


# --- Creating ------------------------------------------------------------------------------------------------------


def test_a_campaign_is_created_with_its_audience(tenant: Tenant) -> None:
    ada, bob = tenants.members(tenant.organization, 2)
    campaign = create(
        tenant,
        audience=[
            pb.AudienceMember(user_id=str(ada.pk), variables={"loft": 'North\t"\\ \n é 🕊'}),
            pb.AudienceMember(user_id=str(bob.pk)),
        ],
        title="Inspection",
        sender_name="The loft",
    )
    assert (campaign.name, campaign.title, campaign.sender_name) == ("Loft inspection", "Inspection", "The loft")
    assert (campaign.status, campaign.total_recipients) == (Status.CREATED, 2)
    assert (campaign.action_completed_count, campaign.missed_count) == (0, 0)
    assert campaign.template_version == 1
    assert campaign.workflow == wire()
    assert campaign.audience_snapshot_ref
    assert campaign.created_at is not None
    assert campaign.started_at is None
    row = Campaign.objects.get(pk=campaign.id)
    frozen = dict(row.audience.values_list("member", "variables"))
    assert frozen == {ada.pk: {"loft": 'North\t"\\ \n é 🕊'}, bob.pk: {}}
    made.assert_counts_equal_rows(row)
    assert row.created_by == tenant.founder
    assert row.created_by_person == tenant.founder.person
    assert AuditEntry.objects.filter(action="campaign.create", target_id=campaign.id).exists()


def test_invited_members_may_be_in_it(tenant: Tenant) -> None:
    invited = tenants.member(tenant.organization, status=MemberStatus.INVITED)
    assert create(tenant, user_ids=[str(invited.pk)]).total_recipients == 1


def test_the_newest_version_is_pinned(tenant: Tenant) -> None:
    template = made.template(tenant.organization, versions=3)
    assert create(tenant, template_id=str(template.pk)).template_version == 3
    assert create(tenant, template_id=str(template.pk), template_version=2).template_version == 2


def test_a_step_with_its_own_template_is_pinned_too(tenant: Tenant) -> None:
    template = made.template(tenant.organization, versions=2)
    step = made.send()
    step["sendNotification"]["templateId"] = str(template.pk)
    campaign = create(tenant, workflow=wire(step))
    config: Any = campaign.workflow.steps[0].config.value  # type: ignore[union-attr]
    assert (config.template_id, config.template_version) == (str(template.pk), 2)


def test_without_a_workflow_it_is_the_organizations(tenant: Tenant) -> None:
    assert refused(tenant, workflow=None) == ["workflow"]
    default = made.workflow(made.send("first", completed="wait"), made.deadline())
    Organization.objects.filter(pk=tenant.organization.pk).update(default_workflow=default)
    campaign = create(tenant, workflow=None)
    assert campaign.workflow is not None
    assert [step.id for step in campaign.workflow.steps] == ["first", "wait"]
    # One that was fit once.
    Organization.objects.filter(pk=tenant.organization.pk).update(
        default_workflow=made.workflow(made.send(completed="nowhere"))
    )
    status = refusal("CampaignService.CreateCampaign", request(tenant, workflow=None), tenant.key())
    [fault] = status.violations
    assert (fault.field, fault.reason) == ("workflow", "unknown_step")
    assert fault.description.startswith('The organization\'s default workflow: Step "send"')


def test_placeholders_stand_in_templates_only(tenant: Tenant) -> None:
    step = made.send()
    step["sendNotification"]["actionLabel"] = "Yes, {{ day }}"
    wanted = request(tenant, title="Your shift on {{day}}", workflow=wire(step))
    status = refusal("CampaignService.CreateCampaign", wanted, tenant.key())
    assert {(fault.field, fault.reason) for fault in status.violations} == {
        ("title", "placeholder"),
        ("workflow.steps[0].send_notification.action_label", "placeholder"),
    }
    assert all("{{day}}" in fault.description for fault in status.violations)
    campaign = made.campaign(tenant.organization)
    change = pb.UpdateCampaignRequest(campaign_id=str(campaign.pk), title="{{day}}")
    assert faults("CampaignService.UpdateCampaign", change, tenant.key()) == ["title"]
    assert create(tenant, title="Braces {such} as {{ these").title == "Braces {such} as {{ these"


def test_a_template_must_be_the_organizations(tenant: Tenant, other: Tenant) -> None:
    foreign = made.template(other.organization)
    assert refused(tenant, template_id=ABSENT) == ["template_id"]
    assert refused(tenant, template_id=str(foreign.pk)) == ["template_id"]
    assert refused(tenant, template_version=2) == ["template_version"]
    assert refused(tenant, template_version=-1) == ["template_version"]
    step = made.send()
    step["sendNotification"]["templateId"] = str(foreign.pk)
    assert refused(tenant, workflow=wire(step)) == ["workflow.steps[0].send_notification.template_id"]


def test_members_at_fault_are_named(tenant: Tenant, other: Tenant) -> None:
    well = tenants.member(tenant.organization)
    gone = tenants.member(tenant.organization, status=MemberStatus.DEACTIVATED)
    foreign = tenants.member(other.organization)
    ids = [str(pk) for pk in (well.pk, gone.pk, foreign.pk, ABSENT, well.pk)]
    status = refusal("CampaignService.CreateCampaign", request(tenant, user_ids=ids), tenant.key())
    assert [(each.field, each.reason) for each in status.violations] == [
        ("user_ids[1]", "deactivated"),
        ("user_ids[2]", "unknown"),
        ("user_ids[3]", "unknown"),
        ("user_ids[4]", "duplicate"),
    ]
    audience = [pb.AudienceMember(user_id=pk) for pk in ids]
    assert refused(tenant, audience=audience) == [f"audience[{place}].user_id" for place in range(1, 5)]
    assert not Campaign.objects.exists()


def test_of_many_at_fault_twenty_are_named(tenant: Tenant) -> None:
    ids = [str(uuid4()) for _ in range(1023)]
    status = refusal("CampaignService.CreateCampaign", request(tenant, user_ids=ids), tenant.key())
    assert [each.field for each in status.violations] == [*(f"user_ids[{n}]" for n in range(20)), "user_ids"]
    assert "1,003 more" in status.violations[-1].description


def test_somebody_at_least(tenant: Tenant) -> None:
    assert refused(tenant, user_ids=[]) == ["user_ids"]


def test_members_come_in_one_way(tenant: Tenant) -> None:
    one = str(tenants.member(tenant.organization).pk)
    assert refused(tenant, user_ids=[one], audience=[pb.AudienceMember(user_id=one)]) == ["audience"]


def test_every_fault_is_told_at_once(tenant: Tenant) -> None:
    told = refused(
        tenant,
        name=" ",
        title="a\nb",
        template_id=ABSENT,
        workflow=wire(made.send(completed="nowhere")),
        user_ids=[ABSENT],
    )
    assert sorted(told) == [
        "name",
        "template_id",
        "title",
        "user_ids[0]",
        "workflow.steps[0].transitions.completed",
    ]


def test_as_many_queries_for_one_member_and_for_a_thousand(tenant: Tenant) -> None:
    credential = tenant.key()

    def n_queries(n: int) -> int:
        wanted = request(tenant, user_ids=[str(pk) for pk in made.many_members(tenant.organization, n)])
        with CaptureQueriesContext(connection) as captured:
            assert call("CampaignService.CreateCampaign", wanted, credential).campaign.total_recipients == n
        return len(captured)

    assert n_queries(1) == n_queries(1000)


@pytest.mark.parametrize(
    ("method", "right"),
    [
        ("CreateCampaign", WRITE),
        ("UpdateCampaign", WRITE),
        ("StartCampaign", START),
        ("CancelCampaign", START),
        ("GetCampaign", READ),
        ("ListCampaigns", READ),
        ("ListDeliveries", READ),
    ],
)
def test_each_method_asks_for_its_right(tenant: Tenant, method: str, right: Right) -> None:
    campaign = made.campaign(tenant.organization)
    kind = getattr(pb, f"{method}Request")
    wanted = request(tenant) if method == "CreateCampaign" else kind()
    if hasattr(wanted, "campaign_id"):
        wanted.campaign_id = str(campaign.pk)
    others = [each for each in Right if each is not right]
    assert code(f"CampaignService.{method}", wanted, tenant.person(*others)) == "PERMISSION_DENIED"
    call(f"CampaignService.{method}", wanted, tenant.person(right))


@pytest.mark.parametrize(
    "method", ["UpdateCampaign", "StartCampaign", "CancelCampaign", "GetCampaign", "ListDeliveries"]
)
def test_anothers_campaign_is_not_found(tenant: Tenant, other: Tenant, method: str) -> None:
    foreign = made.campaign(other.organization)
    for campaign_id in (str(foreign.pk), ABSENT):
        wanted = getattr(pb, f"{method}Request")(campaign_id=campaign_id)
        assert code(f"CampaignService.{method}", wanted, tenant.key()) == "NOT_FOUND"
    foreign.refresh_from_db()
    assert foreign.status == CampaignStatus.CREATED


# --- Changing ------------------------------------------------------------------------------------------------------


def update(tenant: Tenant, campaign: Campaign, **fields: Any) -> pb.Campaign:
    wanted = pb.UpdateCampaignRequest(campaign_id=str(campaign.pk), **fields)
    return call("CampaignService.UpdateCampaign", wanted, tenant.key()).campaign


def test_what_is_empty_stays(tenant: Tenant) -> None:
    campaign = made.campaign(tenant.organization, title="Before", sender_name="Loft")
    changed = update(tenant, campaign, title="After")
    assert (changed.name, changed.title, changed.sender_name) == (campaign.name, "After", "Loft")
    assert changed.workflow == wire()
    assert changed.template_id == str(campaign.template_id)
    entry = AuditEntry.objects.get(action="campaign.update")
    assert (entry.before, entry.after) == ({"title": "Before"}, {"title": "After"})


def test_template_and_workflow_change(tenant: Tenant, other: Tenant) -> None:
    campaign = made.campaign(tenant.organization)
    template = made.template(tenant.organization, versions=4)
    changed = update(tenant, campaign, template_id=str(template.pk), workflow=wire(made.send("other")))
    assert (changed.template_id, changed.template_version) == (str(template.pk), 4)
    assert changed.workflow == wire(made.send("other"))
    assert update(tenant, campaign, template_version=2).template_version == 2
    wrong = pb.UpdateCampaignRequest(
        campaign_id=str(campaign.pk), template_version=5, workflow=wire(made.send(completed="nowhere"))
    )
    assert faults("CampaignService.UpdateCampaign", wrong, tenant.key()) == [
        "template_version",
        "workflow.steps[0].transitions.completed",
    ]
    foreign = pb.UpdateCampaignRequest(
        campaign_id=str(campaign.pk), template_id=str(made.template(other.organization).pk)
    )
    assert faults("CampaignService.UpdateCampaign", foreign, tenant.key()) == ["template_id"]


def test_once_started_it_no_longer_changes(tenant: Tenant) -> None:
    campaign = made.campaign(tenant.organization)
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    wanted = pb.UpdateCampaignRequest(campaign_id=str(campaign.pk), name="Late")
    assert code("CampaignService.UpdateCampaign", wanted, tenant.key()) == "FAILED_PRECONDITION"


# --- Starting and cancelling ---------------------------------------------------------------------------------------


def test_starting_sends_to_everybody_once(tenant: Tenant) -> None:
    campaign = made.campaign(tenant.organization, *tenants.members(tenant.organization, 3))
    wanted = pb.StartCampaignRequest(campaign_id=str(campaign.pk))
    started = call("CampaignService.StartCampaign", wanted, tenant.key()).campaign
    assert started.status == Status.RUNNING
    assert started.started_at is not None
    assert made.statuses(campaign) == {"pending": 3}
    made.assert_counts_equal_rows(campaign)
    assert code("CampaignService.StartCampaign", wanted, tenant.key()) == "FAILED_PRECONDITION"
    assert made.statuses(campaign) == {"pending": 3}


def test_cancelling_leaves_rows_and_stops_work(tenant: Tenant) -> None:
    campaign = made.campaign(tenant.organization, *tenants.members(tenant.organization, 3))
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    wanted = pb.CancelCampaignRequest(campaign_id=str(campaign.pk))
    cancelled = call("CampaignService.CancelCampaign", wanted, tenant.key()).campaign
    assert cancelled.status == Status.CANCELLED
    assert cancelled.completed_at is not None
    assert made.statuses(campaign) == {"pending": 3}
    assert not Delivery.objects.exclude(work="", due_at=None).exists()
    assert list(campaign.steps.values_list("status", flat=True)) == ["stopped"]
    assert code("CampaignService.CancelCampaign", wanted, tenant.key()) == "FAILED_PRECONDITION"
    start = pb.StartCampaignRequest(campaign_id=str(campaign.pk))
    assert code("CampaignService.StartCampaign", start, tenant.key()) == "FAILED_PRECONDITION"


# --- Reading -------------------------------------------------------------------------------------------------------


def listed(tenant: Tenant, credential: str, **pagination: Any) -> pb.ListCampaignsResponse:
    wanted = pb.ListCampaignsRequest(pagination=Pagination(**pagination))
    answer: pb.ListCampaignsResponse = call("CampaignService.ListCampaigns", wanted, credential)
    return answer


def test_campaigns_are_listed_with_their_counts(tenant: Tenant, other: Tenant) -> None:
    made.campaign(other.organization)
    campaigns = [made.campaign(tenant.organization) for _ in range(3)]
    credential = tenant.key()
    first = listed(tenant, credential, page_size=2)
    rest = listed(tenant, credential, page_size=2, page_token=first.pagination.next_page_token)  # type: ignore[union-attr]
    assert [each.id for each in [*first.campaigns, *rest.campaigns]] == [str(each.pk) for each in campaigns]
    assert first.pagination.total_count == 3  # type: ignore[union-attr]
    assert {each.total_recipients for each in first.campaigns} == {1}


def test_as_many_queries_for_one_campaign_and_for_ten(tenant: Tenant) -> None:
    credential = tenant.key()

    def n_queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            listed(tenant, credential)
        return len(captured)

    made.campaign(tenant.organization)
    before = n_queries()
    for _ in range(9):
        made.campaign(tenant.organization)
    assert n_queries() == before


def test_a_page_of_large_campaigns_ends_in_time(tenant: Tenant) -> None:
    step = made.send()
    step["sendNotification"]["customVariables"] = {f"name{n}": "x" * 10_000 for n in range(25)}
    template = made.template(tenant.organization)
    for _ in range(15):
        made.campaign(tenant.organization, steps=[step], template_id=template.pk)
    credential, token = tenant.key(), ""
    sizes: list[int] = []
    while not sizes or token:
        answer = listed(tenant, credential, page_token=token)
        token = answer.pagination.next_page_token  # type: ignore[union-attr]
        sizes.append(len(answer.campaigns))
        assert len(answer.to_binary()) <= 3 * 2**20
    assert sizes == [12, 3]


def test_deliveries_are_listed_by_status(tenant: Tenant) -> None:
    members = tenants.members(tenant.organization, 5)
    campaign = made.campaign(tenant.organization, *members)
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    sent = list(Delivery.objects.order_by("id")[:2])
    places = {delivery.pk: Place(campaign.pk, delivery.step_id) for delivery in sent}
    move_deliveries(places, DeliveryStatus.SENT, actor="tests", at=NOW)
    credential = tenant.key()

    def pages(status: WireDelivery = WireDelivery.UNSPECIFIED) -> list[pb.Delivery]:
        found: list[pb.Delivery] = []
        token = ""
        while True:
            wanted = pb.ListDeliveriesRequest(
                campaign_id=str(campaign.pk),
                status_filter=status,
                pagination=Pagination(page_size=2, page_token=token),
            )
            answer = call("CampaignService.ListDeliveries", wanted, credential)
            found += answer.deliveries
            token = answer.pagination.next_page_token
            assert answer.pagination.total_count == {0: 5, WireDelivery.SENT: 2, WireDelivery.PENDING: 3}[status]
            if not token:
                return found

    assert {each.user_id for each in pages()} == {str(member.pk) for member in members}
    assert [each.id for each in pages(WireDelivery.SENT)] == [str(delivery.pk) for delivery in sent]
    assert len(pages(WireDelivery.PENDING)) == 3
    by_id = {str(member.pk): member.person.email for member in members}
    assert all(each.recipient_email == by_id[each.user_id] for each in pages())


def test_counts_are_of_members(tenant: Tenant) -> None:
    campaign = made.campaign(tenant.organization, *tenants.members(tenant.organization, 3))
    first, second, _ = campaign.audience.order_by("id").values_list("id", flat=True)
    close_members([first], Closing.ACKNOWLEDGED, at=NOW)
    close_members([second], Closing.MISSED, at=NOW)
    wanted = pb.GetCampaignRequest(campaign_id=str(campaign.pk))
    got = call("CampaignService.GetCampaign", wanted, tenant.key()).campaign
    assert (got.total_recipients, got.action_completed_count, got.missed_count) == (3, 1, 1)
