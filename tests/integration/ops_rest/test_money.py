"""Accounts, entries and refunds as Finance uses them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from ops_console.ledger.models import Account
from ops_console.ledger.services import reconcile
from tests import factories, ops

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
ACCOUNTS = [
    ("accounts", action) for action in ("list", "retrieve", "create", "set_limit", "set_default", "adjust", "pay")
]
REFUNDS = [("refunds", action) for action in ("list", "retrieve", "request", "approve", "reject")]
REASON = {"reason": "The customer rang."}


def names(client: ops.StaffClient, **query: str) -> list[str]:
    return [row["account"] for row in client.rows("accounts", **query)]


def test_accounts_are_listed_by_kind_and_found_by_name() -> None:
    mine, other = factories.account(username="roost-one"), factories.account(username="nest", region="EU_W")
    client = ops.client(*ACCOUNTS)
    assert names(client) == ["nest", "roost-one"]
    assert names(client, ordering="createdAt") == ["roost-one", "nest"]
    assert names(client, organization=str(mine.organization_id)) == ["roost-one"]
    assert names(client, region="EU_W") == names(client, search="ne") == ["nest"]
    assert "house:revenue" in names(client, kind="house")
    assert names(client, kind="courier") == []
    assert client.get("/api/v1/accounts", {"kind": "bank"}).json()["errors"][0]["parameter"] == "kind"
    assert client.get("/api/v1/accounts/house:revenue").json()["balance"] is None
    shown = client.get(f"/api/v1/accounts/{other.username}").json()
    assert (shown["region"], shown["creditLimit"], shown["balance"]) == ("EU_W", 100.0, 0.0)


def test_an_account_is_opened_paid_adjusted_and_limited() -> None:
    organization = factories.organization()
    client = ops.client(*ACCOUNTS, ("entries", "retrieve"))
    wanted = {"organization": str(organization.pk), "account": "nest", "region": "US_SW", "creditLimit": 12.5}
    opened = client.send("accounts", wanted)
    assert (opened.status_code, opened["Location"], opened.json()["creditLimit"]) == (
        201,
        "/api/v1/accounts/nest",
        12.5,
    )
    again = client.send("accounts", wanted).json()
    assert again["errors"] == [{"pointer": "/account", "detail": "This account name is taken.", "code": "taken"}]
    paid = client.send("accounts/nest/pay", {"amount": 20, "reference": "SEPA 17", "memo": "March"})
    assert paid.status_code == 201
    postings = [{"account": "house:cash", "amount": -20.0}, {"account": "nest", "amount": 20.0}]
    assert sorted(paid.json()["postings"], key=lambda posting: posting["account"]) == postings
    assert client.get(paid["Location"]).json() == paid.json()
    adjusted = client.send("accounts/nest/adjust", {"amount": -5.25, **REASON}).json()
    assert (adjusted["kind"], adjusted["memo"]) == ("adjustment", REASON["reason"])
    assert client.send("accounts/nest/limit", {"creditLimit": 1000}).json()["creditLimit"] == 1000
    assert client.get("/api/v1/accounts/nest").json()["balance"] == 14.75
    second = client.send("accounts", {**wanted, "account": "roost"}).json()
    assert (opened.json()["isDefault"], second["isDefault"]) == (True, False)
    assert client.send("accounts/roost/default", REASON).json()["isDefault"]
    assert not client.get("/api/v1/accounts/nest").json()["isDefault"]
    assert list(reconcile()) == []


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("accounts", {"organization": str(uuid4())}, "/organization"),
        ("accounts", {"account": "No"}, "/account"),
        ("accounts", {"region": "MARS"}, "/region"),
        ("accounts", {"creditLimit": -1}, "/creditLimit"),
        ("accounts/nest/limit", {"creditLimit": 0.001}, "/creditLimit"),
        ("accounts/nest/pay", {"amount": 0}, "/amount"),
        ("accounts/nest/pay", {"amount": "20"}, "/amount"),
        ("accounts/nest/adjust", {"amount": 0, **REASON}, "/amount"),
        ("accounts/nest/adjust", {"amount": 1, "reason": "  "}, "/reason"),
    ],
)
def test_what_is_wrong_is_named(path: str, body: dict[str, object], pointer: str) -> None:
    organization = factories.organization()
    factories.account(organization, username="nest")
    rest = {"organization": str(organization.pk), "account": "egg", "region": "US_SW"} if path == "accounts" else {}
    answer = ops.client(*ACCOUNTS).send(path, rest | body)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (400, [pointer])


@pytest.mark.parametrize("name", ["house:cash", "courier:CPL593H"])
def test_only_customers_pay(name: str) -> None:
    assert ops.client(*ACCOUNTS).send(f"accounts/{name}/pay", {"amount": 1}).status_code == 404


def test_entries_are_narrowed_down() -> None:
    message, other = ops.queued(), ops.queued()
    client = ops.client(("entries", "list"), ("accounts", "pay"))
    client.send(f"accounts/{other.account.username}/pay", {"amount": 20, "reference": "SEPA 17"})

    def found(**query: str) -> list[str]:
        return [row["reference"] for row in client.rows("entries", ordering="postedAt", **query)]

    assert found() == [message.msg_id, other.msg_id, "SEPA 17"]
    assert found(account=message.account.username) == [message.msg_id]
    assert found(account="house:cash") == found(kind="payment") == found(search='"SEPA 17"') == ["SEPA 17"]
    assert found(organization=str(other.organization_id)) == [other.msg_id, "SEPA 17"]
    assert found(reference=message.msg_id) == [message.msg_id]
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    assert found(postedAfter=later) == []
    assert len(found(postedBefore=later)) == 3


def test_a_small_refund_is_posted_at_once() -> None:
    message = ops.queued()
    client = ops.client(*REFUNDS)
    refunded = client.send(f"messages/{message.msg_id}/refund", {"amount": 0.01, **REASON})
    assert refunded.status_code == 201
    shown = client.get(refunded["Location"]).json()
    assert shown == refunded.json()
    assert (shown["status"], shown["reference"], shown["account"]) == (
        "posted",
        message.msg_id,
        message.account.username,
    )
    assert (shown["requestedBy"], shown["decidedBy"]) == (client.person.email, None)
    assert shown["charge"] == {"amount": float(message.cost), "refunded": 0.01}
    too_much = client.send(f"messages/{message.msg_id}/refund", {"amount": 400, **REASON}).json()
    assert [error["pointer"] for error in too_much["errors"]] == ["/amount"]


def test_a_large_refund_needs_a_second_member_of_staff() -> None:
    message = ops.queued(insured_value=Decimal(500))
    asker, decider = ops.client(*REFUNDS), ops.client(*REFUNDS)
    asked = asker.send(f"messages/{message.msg_id}/refund", {"amount": float(message.cost), **REASON}).json()
    assert (asked["status"], asked["entry"]) == ("requested", None)
    assert [row["id"] for row in asker.rows("refunds", status="requested")] == [asked["id"]]
    assert asker.send(f"refunds/{asked['id']}/approve", {}).status_code == 403
    assert asker.send(f"refunds/{asked['id']}/reject", {}).status_code == 403
    approved = decider.send(f"refunds/{asked['id']}/approve", REASON).json()
    assert (approved["status"], approved["decidedBy"]) == ("posted", decider.person.email)
    message.refresh_from_db()
    assert message.status == "refunded"
    late = decider.send(f"refunds/{asked['id']}/reject", {})
    assert (late.status_code, late.json()["current"]) == (409, "posted")


def test_a_rejected_refund_gives_nothing_back() -> None:
    refund = ops.waiting_refund()
    client = ops.client(*REFUNDS)
    assert client.send(f"refunds/{refund.pk}/reject", REASON).json()["status"] == "rejected"
    assert client.send(f"refunds/{refund.pk}/approve", REASON).status_code == 409
    assert Account.objects.get(pk=refund.charge.account_id).balance == -refund.charge.amount


def test_refunds_are_narrowed_down() -> None:
    message = ops.queued()
    by_staff, waiting = ops.refund(message), ops.waiting_refund()
    client = ops.client(*REFUNDS)

    def found(**query: str) -> list[str]:
        return [row["id"] for row in client.rows("refunds", ordering="createdAt", **query)]

    assert found() == found(origin="staff") == [str(by_staff.pk), str(waiting.pk)]
    assert found(origin="system") == []
    assert found(status="posted") == found(account=message.account.username) == [str(by_staff.pk)]
    assert found(reference=message.msg_id) == found(search=message.msg_id) == [str(by_staff.pk)]
    assert found(organization=str(waiting.charge.account.organization_id)) == [str(waiting.pk)]
