from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest

from messages.models import Message, MessageEvent
from ops_console.access.models import IdempotencyRecord
from ops_console.ledger.models import Account, Charge, Entry
from tests import factories
from tests.factories import NOW, PHOENIX
from tests.integration.messages.conftest import (
    HOUR,
    PigeonClient,
    bird,
    footprint,
    in_hours,
    note,
    refused,
)
from tests.threads import in_threads

ADDRESS = {
    "street": "1 Birdseed Lane",
    "city": "Phoenix",
    "region": "AZ",
    "postalCode": "85004",
    "country": "us",
}
EVERYTHING = {
    "destination": {"recipientId": "grandma", "address": ADDRESS},
    "message": {"subject": "Dinner", "body": "Shall we meet at six?", "format": "markdown"},
    "timeframe": {"min": in_hours(2), "max": in_hours(26)},
    "extras": {"priority": "express", "returnReceipt": True, "insuredValue": 12.5, "reference": "invitation-17"},
}


def test_a_message_is_queued_and_charged(client):
    bird(at=PHOENIX)
    answer = client.create()
    msg_id, eta = answer.json()["msgId"], answer.json()["eta"]
    assert answer.status_code == 201
    assert answer["Content-Type"] == "application/json"
    assert answer.content.decode() == f'{{"msgId":"{msg_id}","status":"queued","eta":"{eta}","cost":0.16}}'
    assert re.fullmatch("[1-9A-HJ-NP-Za-km-z]{16}", msg_id)
    assert re.fullmatch(r"2026-03-18T09:3\d:\d\d\.\d{3}Z", eta)
    assert answer["Location"] == f"{client.base}/messages/{msg_id}"
    assert answer["ETag"] == '"v1"'
    assert client.get(answer["Location"]).json() == answer.json()
    assert client.balance == Decimal("-0.16")
    assert (Charge.objects.get().reference, Charge.objects.get().amount) == (msg_id, Decimal("0.16"))
    assert MessageEvent.objects.get().actor == f"account:{client.account.username}"
    sent = Message.objects.get()
    assert (sent.organization_id, sent.created_at) == (client.account.organization_id, NOW)


def test_every_member_is_kept(client):
    wanted = [bird(number).pgn_id for number in (3, 1, 2)]
    answer = client.create({**EVERYTHING, "requestedCourier": wanted})
    assert answer.status_code == 201, answer.content
    sent = Message.objects.get()
    postal = {"street": "1 Birdseed Lane", "city": "Phoenix", "region": "AZ", "postal_code": "85004", "country": "US"}
    assert sent.address == postal | {"latitude": None, "longitude": None}
    assert (sent.recipient_id, sent.region, sent.place_name) == ("grandma", "US_SW", "Phoenix, US")
    assert (sent.subject, sent.body, sent.format) == ("Dinner", "Shall we meet at six?", "markdown")
    assert (sent.deliver_min, sent.deliver_max) == (NOW + 2 * HOUR, NOW + 26 * HOUR)
    assert (sent.priority, sent.return_receipt, sent.insured_value) == (0, True, Decimal("12.50"))
    assert sent.reference == "invitation-17"
    assert [asked.courier.pgn_id for asked in sent.requested.order_by("rank")] == wanted


def test_a_text_is_kept_to_the_letter(client):
    text = " \tCoo \u202e \N{DOVE OF PEACE}\r\n'; DROP TABLE pigeons; -- <b>&amp;</b> %s {0} \\ \x01 "
    client.queued(message={"body": text, "subject": text})
    sent = Message.objects.get()
    assert (sent.body, sent.subject) == (text, text)


# --- Quotes --------------------------------------------------------------------------------------------------------


def test_a_quote_is_what_creating_costs_and_changes_nothing(client):
    bird()
    before = footprint()
    quote = client.call("POST", "/quotes", EVERYTHING)
    assert quote.status_code == 200
    assert re.fullmatch(r'\{"cost":0\.\d\d,"eta":"2026-03-18T[\d:.]{12}Z"\}', quote.content.decode())
    assert footprint() == before
    created = client.create(EVERYTHING).json()
    assert quote.json() == {"cost": created["cost"], "eta": created["eta"]}


def test_a_quote_may_be_asked_past_the_credit_limit(client):
    Account.objects.filter(pk=client.account.pk).update(credit_limit=0)
    assert client.call("POST", "/quotes", note()).status_code == 200


def test_the_price_is_from_the_loft_whoever_flies(client):
    bare = client.call("POST", "/quotes", note()).json()
    bird(at=(-33.9, 151.2))
    far = client.call("POST", "/quotes", note()).json()
    bird(2, PHOENIX)
    near = client.call("POST", "/quotes", note()).json()
    assert bare["cost"] == far["cost"] == near["cost"] == 0.16
    assert near["eta"] < far["eta"]


def test_the_price_depends_on_the_accounts_own_loft(client):
    abroad = PigeonClient(factories.credential(factories.account(region="AN")))
    assert abroad.call("POST", "/quotes", note()).json()["cost"] > client.call("POST", "/quotes", note()).json()["cost"]


# --- Credit --------------------------------------------------------------------------------------------------------


def test_the_credit_limit_may_be_reached_and_not_passed(client):
    Account.objects.filter(pk=client.account.pk).update(credit_limit=Decimal("0.32"))
    assert [client.create().status_code for _ in range(2)] == [201, 201]
    before = footprint()
    answer = client.create(note(), **{"Idempotency-Key": "k"})
    assert refused(answer, 402)
    assert answer.json()["code"] == "credit_exceeded"
    assert footprint() == before


# --- Idempotency-Key -----------------------------------------------------------------------------------------------


def test_a_repetition_with_its_key_gets_the_same_answer(client):
    first, second = (client.create(note(), **{"Idempotency-Key": "k"}) for _ in range(2))
    assert (second.status_code, second.content) == (201, first.content)
    assert [second[name] for name in ("Location", "ETag")] == [first[name] for name in ("Location", "ETag")]
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert (Message.objects.count(), client.balance) == (1, Decimal("-0.16"))


def test_the_kept_answer_is_given_again_after_the_message_has_ended(client):
    first = client.create(note(), **{"Idempotency-Key": "k"})
    client.cancel(first.json()["msgId"])
    assert client.create(note(), **{"Idempotency-Key": "k"}).json()["status"] == "queued"
    assert Message.objects.count() == 1


def test_another_body_under_the_key_is_refused(client):
    client.create(note(), **{"Idempotency-Key": "k"})
    answer = client.create(note(message={"body": "Cooo!"}), **{"Idempotency-Key": "k"})
    assert refused(answer, 422)
    assert Message.objects.count() == 1


def test_quotes_and_recipients_take_a_key_as_well(client):
    entry = {"recipientId": "mum", "address": ADDRESS}
    for path, body, status in (("/quotes", note(), 200), ("/recipients", entry, 201)):
        first, second = (client.call("POST", path, body, **{"Idempotency-Key": "k"}) for _ in range(2))
        assert (first.status_code, second.status_code, second.content) == (status, status, first.content)
        assert second["Idempotency-Replayed"] == "true"


def test_an_error_is_not_kept_under_the_key(client):
    bad = note(message={"body": ""})
    assert refused(client.create(bad, **{"Idempotency-Key": "k"}), 400, "/message/body")
    assert IdempotencyRecord.objects.count() == 0
    assert client.create(note(), **{"Idempotency-Key": "k"}).status_code == 201


@pytest.mark.usefixtures("places", "committed_db")
def test_50_at_once_with_one_key_make_one_message_and_one_charge():
    credential = factories.credential()
    body = note()

    def create(_: int) -> tuple[int, str]:
        answer = PigeonClient(credential).create(body, **{"Idempotency-Key": "one"})
        return answer.status_code, answer.json().get("msgId", answer.json().get("code"))

    answers = Counter(in_threads(50, create))
    sent = Message.objects.get()
    assert answers.keys() <= {(201, sent.msg_id), (409, "conflict")}
    assert answers[201, sent.msg_id] >= 1
    assert (Charge.objects.count(), Entry.objects.count(), MessageEvent.objects.count()) == (1, 1, 1)
    assert Account.objects.get(pk=credential.credential.account_id).balance == Decimal("-0.16")


@pytest.mark.usefixtures("places", "committed_db")
def test_creates_at_once_stop_at_the_credit_limit():
    credential = factories.credential(factories.account(credit_limit=Decimal("1.00")))
    statuses = Counter(in_threads(12, lambda _: PigeonClient(credential).create().status_code))
    assert statuses == {201: 6, 402: 6}
    assert Account.objects.get(pk=credential.credential.account_id).balance == Decimal("-0.96")
    assert Message.objects.count() == 6


def test_a_create_takes_few_queries(client, django_assert_max_num_queries):
    bird()
    client.queued()
    with django_assert_max_num_queries(22):
        client.queued()
