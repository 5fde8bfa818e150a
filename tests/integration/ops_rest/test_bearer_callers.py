"""The policy table, row by row, over HTTP: for members and keys, each within its organization."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from ops_console.access.models import IdempotencyRecord
from ops_console.access.policy import POLICY
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import bearers, factories, ops, tenants
from tests.bearers import BearerClient
from tests.buckets import kept_empty
from tests.integration.ops_rest.scenarios import SCENARIOS, Pair, Request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
PAIRS = sorted(SCENARIOS)
FOR_MEMBERS = [pair for pair in PAIRS if POLICY[pair].rights or POLICY[pair].member]
FOR_STAFF = [pair for pair in PAIRS if pair not in FOR_MEMBERS and not POLICY[pair].person]
# Keys as well as people.
FOR_BEARERS = [pair for pair in FOR_MEMBERS if not POLICY[pair].person]
# Deliveries are listed of one campaign, which must be named.
LISTS = [pair for pair in FOR_BEARERS if pair[1] == "list" and pair[0] not in ("couriers", "deliveries")]
CREATES = [pair for pair in FOR_BEARERS if pair[1] in ("create", "invite")]
# The fleet flies for everybody.
OF_ONE = [pair for pair in FOR_BEARERS if pair not in CREATES and pair[1] != "list" and pair[0] != "couriers"]
CHANGES = [pair for pair in FOR_BEARERS if pair[1] not in ("list", "retrieve")]
FOR_ONES_OWN = (Right.GROUPS_WRITE, Right.TEAMS_WRITE)
# Members of a body that name something of the organization.
REFERENCES = ("account", "organization")
SECRETS = ("secret", "key")


@pytest.fixture
def mine() -> Organization:
    return factories.organization("Mine")


@pytest.fixture
def stranger() -> BearerClient:
    return bearers.client(factories.organization("Other"), *Right)


def token_text(*whose: Any) -> str:
    return bearers.token_of(tenants.member(*whose))


def send(client: ops.ApiClient, request: Request, **how: Any) -> Any:
    return client.send(request.path, request.body, method=request.method, **how)


@pytest.mark.parametrize("pair", FOR_BEARERS, ids="-".join)
def test_the_right_opens_it_to_members_and_keys_and_no_other_right_does(pair: Pair) -> None:
    rule = POLICY[pair]
    mine = factories.organization()
    request = SCENARIOS[pair](mine)
    if not rule.member:
        others = [right for right in Right if right not in rule.rights]
        answer = send(bearers.client(mine, *others), request)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    for number, right in enumerate(rule.rights):
        # Tokens and keys are told apart before rights are looked at: one right is enough to try both with.
        for text in (bearers.key_text, token_text)[: 1 if number else 2]:
            answer = send(BearerClient(text(mine, right, *request.rights)), request)
            if right in FOR_ONES_OWN and pair not in CREATES:
                assert "you created" in answer.json()["detail"]
            else:
                assert answer.status_code in (200, 201, 204), answer.content
            if pair in CHANGES:
                mine = factories.organization()
                request = SCENARIOS[pair](mine)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_who_does_not_belong_there(
    pair: Pair, mine: Organization, stranger: BearerClient, subtests: pytest.Subtests
) -> None:
    request = SCENARIOS[pair](mine)
    n_audited = AuditEntry.objects.count()
    with subtests.test("no organization"):
        services = [bearers.service_key(scope).text for scope in ("organizations", "render")]
        n_audited += len(services)
        for text in (bearers.founders_token(), *services):
            assert send(BearerClient(text), request).status_code == 403
    with subtests.test("no credential"):
        for text in ("", "x", "pidgr_k_" + "A" * 40):
            answer = send(BearerClient(text), request)
            assert (answer.status_code, answer["WWW-Authenticate"].split()[0]) == (401, "Bearer")
    if pair in OF_ONE:
        with subtests.test("another's"):
            answer = send(stranger, request)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    if pair in FOR_STAFF:
        with subtests.test("for staff"):
            member = tenants.member(mine, *Right)
            texts = bearers.token_of(member), bearers.api_key(member, *Right).text
            n_audited = AuditEntry.objects.count()
            for text in texts:
                answer = send(BearerClient(text), request)
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert AuditEntry.objects.count() == n_audited
    if pair in LISTS:
        with subtests.test("another's, in a list"):
            nothing_of_others(pair, mine, stranger)
    if pair in CREATES:
        with subtests.test("with another's"):
            what_a_stranger_makes_is_his_own(request, mine, stranger)


def nothing_of_others(pair: Pair, mine: Organization, stranger: BearerClient) -> None:
    """Whatever the list is narrowed by."""
    owners = bearers.client(mine, *Right).rows(pair[0])
    assert owners
    for query in ({}, {"organization": str(mine.pk)}):
        assert not [row for row in stranger.rows(pair[0], **query) if row in owners]


def what_a_stranger_makes_is_his_own(request: Request, mine: Organization, stranger: BearerClient) -> None:
    answer = send(stranger, request)
    named = [f"/{name}" for name in REFERENCES if name in (request.body or {})]
    if named:
        assert (answer.status_code, [fault["pointer"] for fault in answer.json()["errors"]]) == (400, named)
    else:
        assert answer.status_code == 201
        assert str(mine.pk) not in answer.content.decode()


@pytest.mark.parametrize("pair", CHANGES, ids="-".join)
def test_a_repetition_changes_nothing_and_is_the_callers_own(pair: Pair, mine: Organization) -> None:
    request = SCENARIOS[pair](mine)
    if request.method != "POST":
        return
    one, other = bearers.client(mine, *Right), bearers.client(mine, *Right)
    first = send(one, request, key="k1")
    n_audited = AuditEntry.objects.count()
    again = send(one, request, key="k1")
    assert (again.status_code, again.get("Idempotency-Replayed")) == (first.status_code, "true")
    assert again.json() == {name: None if name in SECRETS else value for name, value in first.json().items()}
    assert AuditEntry.objects.count() == n_audited
    kept = bytes(IdempotencyRecord.objects.get().body).decode()
    assert not [name for name in SECRETS if first.json().get(name) and first.json()[name] in kept]
    # What another caller of the organization calls so is another request.
    assert not send(other, request, key="k1").has_header("Idempotency-Replayed")


def test_one_bucket_for_rest_of_an_organization_and_staff_are_not_counted(
    mine: Organization, settings: LazySettings
) -> None:
    mine.rate_per_s, mine.rate_burst = 1, 3
    mine.save()
    member = tenants.member(mine, Right.ORG_READ)
    clients = [bearers.client(mine, Right.ORG_READ), BearerClient(bearers.token_of(member))]
    assert {client.get("/api/v1/messages").status_code for client in clients} == {200}
    with kept_empty(mine):
        answers = [client.get("/api/v1/messages") for client in clients]
        other = bearers.client(factories.organization(), Right.ORG_READ)
        assert other.get("/api/v1/messages").status_code == 200
        staff = ops.client(("messages", "list"))
        assert {staff.get("/api/v1/messages").status_code for _ in range(8)} == {200}
    assert [answer.status_code for answer in answers] == [429, 429]
    assert int(answers[-1]["Retry-After"]) >= 1


def test_past_the_limit_failures_answer_429_and_a_good_credential_passes(
    mine: Organization, settings: LazySettings
) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 3
    address, good, bad = bearers.somewhere(), bearers.client(mine, Right.ORG_READ), BearerClient("pidgr_k_x")
    answers = []
    for _ in range(8):
        answers.append(bad.get("/api/v1/messages", REMOTE_ADDR=address).status_code)
        assert good.get("/api/v1/messages", REMOTE_ADDR=address).status_code == 200
        assert Client().get("/api/v1/messages", REMOTE_ADDR=address).status_code == 401
    assert answers[:3] == [401] * 3
    # The window may move on by a minute's end.
    assert answers.count(429) >= 3


def test_a_bearer_credential_counts_before_a_cookie_and_needs_no_csrf_token(mine: Organization) -> None:
    person = factories.superuser()
    client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {bearers.key_text(mine, *Right)}"})
    client.force_login(person)
    assert client.get("/api/v1/people").status_code == 403
    body = {"name": "till", "permissions": ["ORG_READ"]}
    assert client.post("/api/v1/api-keys", body, content_type="application/json").status_code == 201
    wrong = Client(headers={"Authorization": "Bearer x"})
    wrong.force_login(person)
    assert wrong.get("/api/v1/people").status_code == 401


# --- What is shown -------------------------------------------------------------------------------------------------


def test_a_courier_is_shown_without_where_it_is(mine: Organization) -> None:
    bird = ops.bird()
    (seen,) = bearers.client(mine, Right.ORG_READ).rows("couriers")
    (whole,) = ops.client(("couriers", "list")).rows("couriers")
    assert set(whole) - set(seen) == {"latitude", "longitude", "readyAt"}
    assert seen["pgnId"] == bird.pgn_id


def test_members_see_that_staff_did_it_and_not_who(mine: Organization) -> None:
    message = ops.queued(factories.account(mine))
    ops.refund(message, str(message.cost))
    pairs = ("messages", "retrieve"), ("refunds", "list"), ("entries", "list"), ("credentials", "list")
    staff, reader = ops.client(*pairs, ("credentials", "create")), bearers.client(mine, Right.ORG_READ)
    staff.send("credentials", {"account": message.account.username})

    def shown(client: Any) -> list[str]:
        event = client.get(f"/api/v1/messages/{message.msg_id}").json()["events"][-1]
        (refund,), (entry, _), (credential,) = (client.rows(name) for name in ("refunds", "entries", "credentials"))
        return [event["actor"], refund["requestedBy"], entry["actor"], credential["createdBy"]]

    assert all(actor.endswith("@house.example") for actor in shown(staff))
    assert shown(reader) == ["staff"] * 4


def test_a_member_narrows_messages_without_naming_his_organization(mine: Organization) -> None:
    held, other = (ops.queued(factories.account(mine)) for _ in range(2))
    ops.client(("messages", "hold")).send(f"messages/{held.msg_id}/hold", {"reason": "Fog."})
    reader = bearers.client(mine, Right.ORG_READ)
    assert [row["msgId"] for row in reader.rows("messages", held="true")] == [held.msg_id]
    assert [row["msgId"] for row in reader.rows("messages", search=other.msg_id)] == [other.msg_id]


def test_the_webhook_secret_is_ones_own_unless_said(mine: Organization, stranger: BearerClient) -> None:
    owner = bearers.client(mine, Right.ORG_READ, Right.ORG_WRITE)
    assert owner.send("webhook-secret").json()["secret"]
    assert owner.get("/api/v1/webhook-secret").json()["exists"] is True
    assert stranger.get("/api/v1/webhook-secret").json()["exists"] is False
    assert stranger.send(f"webhook-secret?organization={mine.pk}").status_code == 404
    assert ops.client(("webhook-secret", "retrieve")).get("/api/v1/webhook-secret").status_code == 400


def test_postings_tell_of_the_house_and_of_no_other_customer(mine: Organization) -> None:
    ops.queued(factories.account(mine, username="mine-1"))
    ops.queued(factories.account(username="theirs-1"))
    reader = bearers.client(mine, Right.ORG_READ)
    entries = reader.rows("entries")
    assert {posting["account"] for entry in entries for posting in entry["postings"]} == {"mine-1", "house:revenue"}
    assert reader.rows("entries", account="theirs-1") == []
    assert [row["account"] for row in reader.rows("accounts")] == ["mine-1"]
    assert reader.rows("accounts", kind="house") == []
    for name in ("theirs-1", "house:revenue"):
        assert reader.get(f"/api/v1/accounts/{name}").status_code == 404
