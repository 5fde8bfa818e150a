from __future__ import annotations

from decimal import Decimal

import pytest

from messages.dispatch.landing import land_due
from messages.models import Flight, Message, MessageEvent
from ops_console.ledger.models import Charge, Entry, EntryKind, Refund
from ops_console.ledger.services import reconcile
from tests.factories import NOW
from tests.integration.messages.conftest import bird, fly, footprint, refused


def test_a_cancel_refunds_what_was_charged(client):
    msg_id = client.queued()
    answer = client.cancel(msg_id)
    assert answer.status_code == 200
    assert answer.content.decode() == f'{{"msgId":"{msg_id}","status":"refunded","cost":0.16}}'
    assert answer["ETag"] == '"v2"' == client.status(msg_id)["ETag"]
    assert client.balance == 0
    refund = Refund.objects.get()
    assert (refund.origin, refund.amount, refund.reason, refund.status) == (
        "system",
        Decimal("0.16"),
        "Cancelled by the client.",
        "posted",
    )
    event = MessageEvent.objects.latest("id")
    assert (event.to_status, event.actor) == ("refunded", f"account:{client.account.username}")
    sent = Message.objects.get()
    assert (sent.ended_at, sent.end_reason, sent.wait_until) == (NOW, "Cancelled by the client.", None)
    assert not list(reconcile())


def test_again_is_a_conflict_and_refunds_nothing_more(client):
    msg_id = client.queued()
    client.cancel(msg_id)
    before = footprint()
    answer = client.cancel(msg_id)
    assert refused(answer, 409)
    assert (answer.json()["code"], answer.json()["current"]) == ("invalid_transition", "refunded")
    assert footprint() == before


@pytest.mark.parametrize("status", ["enroute", "delivered"])
def test_only_a_queued_message_can_be_cancelled(client, status):
    bird()
    msg_id = client.queued()
    fly()
    if status == "delivered":
        land_due(now=Flight.objects.get().arrives_at)
    before = footprint()
    answer = client.cancel(msg_id)
    assert refused(answer, 409)
    assert answer.json()["current"] == status
    assert footprint() == before


def test_a_held_message_can_be_cancelled(client):
    msg_id = client.queued()
    Message.objects.update(held_at=NOW)
    assert client.cancel(msg_id).status_code == 200


def test_after_staff_refunds_the_rest_comes_back(client, refund_some):
    msg_id = client.queued(extras={"insuredValue": 100})
    refund_some(msg_id, "0.50")
    refund_some(msg_id, "0.16")
    assert client.balance == Decimal("-0.50")
    assert client.cancel(msg_id).json()["cost"] == 1.16
    assert client.balance == 0
    assert list(Refund.objects.order_by("created_at", "id").values_list("origin", "amount")) == [
        ("staff", Decimal("0.50")),
        ("staff", Decimal("0.16")),
        ("system", Decimal("0.50")),
    ]
    assert Charge.objects.get().is_fully_refunded
    assert not list(reconcile())


def test_refunds_that_wait_for_approval_are_rejected(client, refund_some):
    msg_id = client.queued(extras={"insuredValue": 500})
    assert refund_some(msg_id, "5.16").status == "requested"
    client.cancel(msg_id)
    assert set(Refund.objects.values_list("origin", "status", "amount")) == {
        ("staff", "rejected", Decimal("5.16")),
        ("system", "posted", Decimal("5.16")),
    }
    assert client.balance == 0


def test_after_an_edit_the_new_price_comes_back(client):
    msg_id = client.queued()
    client.edit(msg_id, {"extras": {"insuredValue": 50}})
    client.cancel(msg_id)
    assert client.balance == 0
    assert sorted(Entry.objects.values_list("kind", flat=True)) == [
        EntryKind.ADJUSTMENT,
        EntryKind.CHARGE,
        EntryKind.REFUND,
    ]


def test_a_body_is_not_looked_at(client):
    msg_id = client.queued()
    assert client.call("DELETE", f"/messages/{msg_id}", b"{not json").status_code == 200
