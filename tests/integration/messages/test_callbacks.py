"""What a message's callbackUrl is told, and when."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest
from django.db import connection

from messages.dispatch.landing import land_due
from messages.dispatch.timeframes import refund_missed
from messages.models import Flight, Message
from messages.services import steering
from ops_console.outbound import addresses
from ops_console.outbox.models import Webhook
from tests import factories
from tests.factories import COMMAND, NOW, PHOENIX
from tests.integration.messages.conftest import HOUR, PigeonClient, bird, fly, in_hours, note


@pytest.mark.usefixtures("places", "committed_db")
def test_its_name_is_looked_up_outside_transactions_and_not_again_for_a_repetition(monkeypatch):
    in_transaction = []

    def resolve(name, timeout_s):
        in_transaction.append(connection.in_atomic_block)
        return [ip_address("93.184.216.34")]

    monkeypatch.setattr(addresses, "resolve_name", resolve)
    client = PigeonClient(factories.credential())
    body = note(extras={"callbackUrl": "https://hooks.example.com/"})
    for path in ("/messages", "/quotes"):
        for _ in range(2):
            assert client.call("POST", path, body, **{"Idempotency-Key": "k1"}).status_code in {200, 201}
    assert in_transaction == [False, False]
    assert client.create(body).status_code == 201
    other = {"extras": {"callbackUrl": "https://others.example.com/"}}
    assert client.edit(Message.objects.latest("pk").msg_id, other).status_code == 200
    assert in_transaction == [False] * 4


@pytest.fixture
def msg_id(client, loopback) -> str:
    bird()
    extras = {"callbackUrl": loopback, "reference": "invitation-17", "returnReceipt": True}
    return client.queued(extras=extras, timeframe={"max": in_hours(30)})


def told() -> list[dict]:
    return [json.loads(webhook.payload) for webhook in Webhook.objects.order_by("id")]


def test_each_status_is_told_in_the_shape_of_its_document(client, clock, msg_id):
    fly()
    shown = [client.status(msg_id).json()]
    arrival = Flight.objects.get().arrives_at
    land_due(now=arrival)
    shown.append(client.status(msg_id).json())
    assert told() == [document | {"reference": "invitation-17", "returnReceipt": True} for document in shown]
    webhooks = list(Webhook.objects.order_by("id"))
    assert [webhook.event for webhook in webhooks] == ["message.enroute", "message.delivered"]
    for webhook in webhooks:
        assert (webhook.organization_id, webhook.reference, webhook.url, webhook.status) == (
            client.account.organization_id,
            msg_id,
            "http://127.0.0.1:9999/hook",
            "pending",
        )
    assert '"cost":' in webhooks[0].payload


@pytest.mark.parametrize("how", ["cancelled", "missed", "lost", "staff"])
def test_a_refund_is_told_with_its_reason(client, msg_id, refund_some, how):
    if how == "cancelled":
        client.cancel(msg_id)
    elif how == "missed":
        refund_missed(now=NOW + 30 * HOUR)
    elif how == "staff":
        refund_some(msg_id, "0.16")
    else:
        fly()
        steering.lose_couriers(msg_ids=[msg_id], reason="Gone.", actor=COMMAND, now=NOW)
    last = told()[-1]
    assert Webhook.objects.latest("id").event == "message.refunded"
    assert last == client.status(msg_id).json() | {"reference": "invitation-17", "returnReceipt": True}
    assert last["reason"]


def test_another_courier_is_told(client, msg_id):
    fly()
    bird(2, PHOENIX)
    steering.reassign_message(msg_id=msg_id, pgn_id="AAA000C", reason="", actor=COMMAND, now=NOW)
    assert [document["pgnId"] for document in told()] == ["AAA000B", "AAA000C"]


def test_without_a_callback_nobody_is_told(client):
    bird()
    first, second = client.queued(), client.queued()
    fly()
    land_due(now=Flight.objects.get().arrives_at)
    client.cancel(second)
    assert (client.status(first).json()["status"], Webhook.objects.count()) == ("delivered", 0)


def test_a_callback_that_is_edited_away_is_not_told(client, msg_id):
    client.edit(msg_id, {"extras": {"callbackUrl": None}})
    fly()
    assert Webhook.objects.count() == 0


def test_what_did_not_happen_is_not_told(client, msg_id):
    fly()
    client.cancel(msg_id)
    client.edit(msg_id, {})
    assert Webhook.objects.count() == 1
    steering.deliver_messages(msg_ids=[msg_id, msg_id], reason="", actor=COMMAND, now=NOW)
    steering.deliver_messages(msg_ids=[msg_id], reason="", actor=COMMAND, now=NOW)
    assert Webhook.objects.count() == 2
