from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messages.models import Message, RequestedCourier
from ops_console.ledger.models import Account, Charge, Entry, EntryKind
from ops_console.ledger.services import reconcile
from tests.factories import NOW, PHOENIX
from tests.integration.messages.conftest import (
    HOUR,
    PigeonClient,
    bird,
    fly,
    footprint,
    in_hours,
    note,
    refused,
)

LONDON = {"city": "London", "country": "GB"}
POINT = {"latitude": 33.448, "longitude": -112.074}
POSTAL = {"street": "1 Birdseed Lane", "city": "Phoenix", "region": "AZ", "postalCode": "85004", "country": "US"}


def sent() -> Message:
    return Message.objects.get()


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_edit_reprices_and_posts_the_difference(client, method):
    bird(at=PHOENIX)
    msg_id = client.queued()
    body = {"msgId": msg_id, "msgInfo": {"destination": {"address": LONDON}}}
    answer = client.call(method, f"/messages/{msg_id}", body)
    assert answer.status_code == 200
    shown = answer.json()
    assert answer.content.decode() == (
        f'{{"msgId":"{msg_id}","status":"queued","eta":"{shown["eta"]}","cost":{shown["cost"]:.2f}}}'
    )
    quote = client.call("POST", "/quotes", note(destination={"address": LONDON})).json()
    assert (shown["cost"], shown["eta"]) == (quote["cost"], quote["eta"])
    assert shown["cost"] > 0.16
    assert answer["ETag"] == '"v2"'
    assert client.status(msg_id).json() == shown
    adjustment = Entry.objects.get(kind=EntryKind.ADJUSTMENT)
    assert (adjustment.reference, adjustment.actor) == (msg_id, f"account:{client.account.username}")
    assert client.balance == -Decimal(str(shown["cost"]))
    assert Charge.objects.get().amount == Decimal(str(shown["cost"]))


def test_a_cheaper_edit_gives_the_difference_back(client):
    msg_id = client.queued(extras={"insuredValue": 100, "priority": "express"})
    assert client.balance < -1
    assert client.edit(msg_id, {"extras": None}).json()["cost"] == 0.16
    assert client.balance == Decimal("-0.16")
    assert not list(reconcile())


def test_what_is_left_out_stays(client):
    wanted = [bird(number).pgn_id for number in (1, 2)]
    msg_id = client.queued(
        destination={"recipientId": "mum", "address": POSTAL},
        message={"subject": "s", "body": "b", "format": "markdown"},
        timeframe={"min": in_hours(10), "max": in_hours(50)},
        requestedCourier=wanted,
        extras={"priority": "express", "returnReceipt": True, "insuredValue": 5.25, "reference": "r"},
    )
    before = Message.objects.values().get()
    for info in ({}, {"message": {}, "destination": {"address": {}}, "timeframe": {}, "extras": {}}):
        assert client.edit(msg_id, info).status_code == 200
        assert Message.objects.values().get() | {"version": 1} == before | {"version": 1}
        assert list(RequestedCourier.objects.order_by("rank").values_list("courier__pgn_id", flat=True)) == wanted
    assert not Entry.objects.exclude(kind=EntryKind.CHARGE).exists()
    assert sent().version == 3


@pytest.mark.parametrize(
    ("info", "changed"),
    [
        ({"message": {"body": "x"}}, {"body": "x"}),
        ({"message": {"subject": "x"}}, {"subject": "x"}),
        ({"message": {"subject": None, "format": None}}, {"subject": "", "format": "text"}),
        ({"timeframe": None}, {"deliver_min": None, "deliver_max": None}),
        ({"timeframe": {"min": None}}, {"deliver_min": None}),
        ({"timeframe": {"max": None}}, {"deliver_max": None}),
        ({"timeframe": {"max": in_hours(100)}}, {"deliver_max": NOW + 100 * HOUR}),
        ({"extras": {"returnReceipt": None}}, {"return_receipt": False}),
        ({"extras": {"reference": None, "priority": None}}, {"reference": "", "priority": 1}),
        ({"extras": {"insuredValue": None}}, {"insured_value": Decimal(0)}),
        (
            {"extras": None},
            {"return_receipt": False, "reference": "", "priority": 1, "insured_value": Decimal(0)},
        ),
        ({"requestedCourier": None}, {"requested_until": None}),
        ({"requestedCourier": []}, {"requested_until": None}),
        ({"destination": {"recipientId": None}}, {"recipient_id": ""}),
        ({"destination": {"address": {"street": "2"}}}, {"address": {"street": "2"}}),
        ({"destination": {"address": {"street": None}}}, {"address": {"street": ""}}),
    ],
)  # fmt: skip
def test_children_are_merged_and_null_clears(client, info, changed):
    bird()
    msg_id = client.queued(
        destination={"recipientId": "mum", "address": POSTAL},
        message={"subject": "s", "body": "b", "format": "markdown"},
        timeframe={"min": in_hours(10), "max": in_hours(50)},
        requestedCourier=["AAA000B"],
        extras={"priority": "express", "returnReceipt": True, "insuredValue": 5.25, "reference": "r"},
    )
    before = Message.objects.values().get()
    answer = client.edit(msg_id, info)
    assert answer.status_code == 200, answer.content
    derived = {"version", "cost", "eta", "wait_until", "requested_until"}
    if "address" in changed:
        changed = {"address": {**before["address"], **changed["address"]}}
    after = Message.objects.values().get()
    assert {name: value for name, value in after.items() if name not in derived - changed.keys()} == {
        name: changed.get(name, value) for name, value in before.items() if name not in derived - changed.keys()
    }
    assert RequestedCourier.objects.exists() is ("requestedCourier" not in info)


@pytest.mark.parametrize(
    ("info", "place"),
    [
        ({"destination": None}, "/destination"),
        ({"message": None}, "/message"),
        ({"message": {"body": None}}, "/message/body"),
        ({"destination": {"address": {"city": None}}}, "/destination/address/city"),
        ({"destination": {"address": None}}, "/destination"),
        ({"destination": {"recipientId": None, "address": None}}, "/destination"),
        ({"destination": {"recipientId": "nobody"}}, "/destination/recipientId"),
        ({"destination": {"address": {"city": "Nowhere at all"}}}, "/destination/address/city"),
        ({"destination": {"address": {"latitude": 1}}}, "/destination/address/longitude"),
        ({"timeframe": {"min": in_hours(1)}}, "/timeframe/max"),
        ({"timeframe": {"min": None, "max": in_hours(-1)}}, "/timeframe/max"),
        ({"timeframe": {"min": None, "max": in_hours(0.0001)}}, "/timeframe/max"),
        ({"requestedCourier": ["AAA000B", "ZZZ999Z"]}, "/requestedCourier/1"),
        ({"message": {"body": "a" * 120_000}}, "/message/body"),
        ({"extras": {"insuredValue": 501}}, "/extras/insuredValue"),
        ({"extras": {"callbackUrl": "https://127.0.0.1/"}}, "/extras/callbackUrl"),
    ],
)
def test_an_edit_that_breaks_a_rule_changes_nothing(client, info, place):
    bird()
    msg_id = client.queued(destination={"address": POSTAL}, timeframe={"min": in_hours(300), "max": in_hours(320)})
    before = footprint()
    answer = client.edit(msg_id, info)
    assert refused(answer, 400, f"/msgInfo{place}")
    assert footprint() == before


# --- What has passed since --------------------------------------------------------------------------------------------


def test_an_end_that_has_passed_may_stay_while_another_is_changed(client, clock):
    bird()
    msg_id = client.queued(timeframe={"min": in_hours(1), "max": in_hours(50)})
    clock.move_to(NOW + 2 * HOUR)
    assert client.edit(msg_id, {"timeframe": {"max": in_hours(60)}}).status_code == 200
    assert (sent().deliver_min, sent().deliver_max) == (NOW + HOUR, NOW + 60 * HOUR)
    assert refused(client.edit(msg_id, {"timeframe": {"min": in_hours(1.5)}}), 400, "/msgInfo/timeframe/min")
    assert refused(client.edit(msg_id, {"timeframe": {"max": in_hours(1.9)}}), 400, *["/msgInfo/timeframe/max"] * 2)


def test_who_edits_something_else_is_not_told_that_nobody_can_be_there_in_time(client, clock):
    bird()
    msg_id = client.queued(timeframe={"max": in_hours(10)})
    clock.move_to(NOW + 9 * HOUR)
    assert client.edit(msg_id, {"extras": {"reference": "r"}, "message": {"subject": ""}}).status_code == 200
    for harder in (
        {"destination": {"address": LONDON}},
        {"message": {"body": "a" * 6_000}},
        {"timeframe": {"max": in_hours(9.5)}},
    ):
        assert refused(client.edit(msg_id, harder), 400, "/msgInfo/timeframe/max")


# --- The destination -----------------------------------------------------------------------------------------------


def book(client: PigeonClient) -> None:
    entry = {"recipientId": "dad", "name": "Dad", "address": LONDON}
    assert client.call("POST", "/recipients", entry).status_code == 201


def test_an_address_of_the_other_form_replaces_the_old_one(client):
    msg_id = client.queued(destination={"address": POSTAL})
    assert client.edit(msg_id, {"destination": {"address": POINT}}).status_code == 200
    assert (sent().latitude, sent().longitude) == PHOENIX
    assert {name: value for name, value in sent().address.items() if value} == POINT
    assert client.edit(msg_id, {"destination": {"address": LONDON}}).status_code == 200
    assert {name: value for name, value in sent().address.items() if value} == LONDON
    assert (sent().place_name, sent().region) == ("London, GB", "EU_W") or sent().region.startswith("EU")


def test_a_street_may_be_added_to_a_point(client):
    msg_id = client.queued(destination={"address": POINT})
    assert client.edit(msg_id, {"destination": {"address": {"street": "Behind the oak"}}}).status_code == 200
    assert {name: value for name, value in sent().address.items() if value} == {**POINT, "street": "Behind the oak"}


def test_half_of_a_point_may_be_changed(client):
    msg_id = client.queued(destination={"address": POINT})
    assert client.edit(msg_id, {"destination": {"address": {"latitude": 34}}}).status_code == 200
    assert (sent().latitude, sent().longitude) == (34, -112.074)


def test_a_recipient_alone_brings_the_entrys_address(client):
    book(client)
    msg_id = client.queued()
    assert client.edit(msg_id, {"destination": {"recipientId": "dad"}}).status_code == 200
    assert (sent().recipient_id, sent().recipient_name, sent().place_name) == ("dad", "Dad", "London, GB")


def test_a_recipient_with_an_address_goes_to_the_address(client):
    book(client)
    msg_id = client.queued()
    assert client.edit(msg_id, {"destination": {"recipientId": "dad", "address": POINT}}).status_code == 200
    assert (sent().recipient_id, sent().recipient_name, sent().latitude) == ("dad", "Dad", PHOENIX[0])


def test_without_its_address_a_message_goes_to_the_entry(client):
    book(client)
    msg_id = client.queued(destination={"recipientId": "dad", "address": POINT})
    assert client.edit(msg_id, {"destination": {"address": None}}).status_code == 200
    assert sent().place_name == "London, GB"


def test_another_edit_keeps_where_it_was_sent_though_the_entry_has_changed(client):
    book(client)
    msg_id = client.queued(destination={"recipientId": "dad"})
    client.call("PATCH", "/recipients/dad", {"address": {"city": "Sydney", "country": "AU"}})
    assert client.edit(msg_id, {"message": {"body": "x"}}).status_code == 200
    assert sent().place_name == "London, GB"
    client.call("DELETE", "/recipients/dad")
    assert client.edit(msg_id, {"message": {"body": "y"}}).status_code == 200
    assert sent().place_name == "London, GB"


# --- State, credit, refunds ----------------------------------------------------------------------------------------


def test_only_a_queued_message_can_be_edited(client):
    bird()
    msg_id = client.queued()
    assert fly() == 1
    before = footprint()
    answer = client.edit(msg_id, {"message": {"body": "x"}})
    assert refused(answer, 409)
    assert (answer.json()["code"], answer.json()["current"]) == ("invalid_transition", "enroute")
    assert "enroute" in answer.json()["detail"]
    assert footprint() == before


def test_a_cancelled_message_cannot_be_edited(client):
    msg_id = client.queued()
    client.cancel(msg_id)
    answer = client.edit(msg_id, {})
    assert refused(answer, 409)
    assert answer.json()["current"] == "refunded"


def test_an_edit_may_not_pass_the_credit_limit(client):
    msg_id = client.queued()
    Account.objects.filter(pk=client.account.pk).update(credit_limit=Decimal("0.20"))
    before = footprint()
    assert refused(client.edit(msg_id, {"extras": {"insuredValue": 5}}), 402)
    assert footprint() == before
    assert client.edit(msg_id, {"extras": {"insuredValue": 4}}).status_code == 200


def test_a_cheaper_edit_is_let_through_past_the_limit(client):
    msg_id = client.queued(extras={"insuredValue": 100})
    Account.objects.filter(pk=client.account.pk).update(credit_limit=0)
    assert client.edit(msg_id, {"extras": None}).status_code == 200


def test_it_never_costs_less_than_is_refunded(client, refund_some):
    msg_id = client.queued(extras={"insuredValue": 100})
    refund_some(msg_id, "1.00")
    before = footprint()
    answer = client.edit(msg_id, {"extras": None})
    assert refused(answer, 409)
    assert "$1.00" in answer.json()["detail"]
    assert footprint() == before
    assert client.edit(msg_id, {"extras": {"insuredValue": 84}}).json()["cost"] == 1.00


# --- If-Match ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"v1"', 200),
        ('"v2"', 412),
        ('"v0"', 412),
        ('W/"v1"', 412),
        ('"1"', 412),
        ('"V1"', 412),
        ('""', 412),
        ('"v01"', 200),
        ("*", 200),
        (" * ", 200),
        ('"v7", "v1"', 200),
        ('"v7","v8" , W/"v1"', 412),
        ('"other,tag", "v1"', 200),
        ("v1", 400),
        ("", 400),
        ('"v1', 400),
        ('"v1" "v2" x', 400),
        ('*, "v1"', 400),
    ],
)
@pytest.mark.parametrize("verb", ["edit", "cancel"])
def test_if_match(client, header, status, verb):
    msg_id = client.queued()
    before = footprint()
    headers = {"If-Match": header}
    answer = client.cancel(msg_id, **headers) if verb == "cancel" else client.edit(msg_id, {}, **headers)
    assert answer.status_code == status, answer.content
    if status == 400:
        assert answer.json()["errors"][0]["header"] == "If-Match"
    if status != 200:
        assert footprint() == before
    else:
        assert answer["ETag"] == '"v2"'


def test_the_etag_changes_with_every_state(client):
    bird()
    msg_id = client.queued()
    tags = [client.status(msg_id)["ETag"]]
    client.edit(msg_id, {})
    tags.append(client.status(msg_id)["ETag"])
    fly()
    tags.append(client.status(msg_id)["ETag"])
    assert tags == ['"v1"', '"v2"', '"v3"']
    assert refused(client.edit(msg_id, {}, **{"If-Match": tags[1]}), 412)
    assert refused(client.edit(msg_id, {}, **{"If-Match": tags[2]}), 409)


# --- The difference of two quotes ----------------------------------------------------------------------------------

PLACES = [PHOENIX, (35.687, -105.938), (51.5, -0.12), (-77.8, 166.7), (90.0, 0.0), (-16.5, 179.99)]
INFOS = st.fixed_dictionaries(
    {
        "destination": st.sampled_from(PLACES).map(
            lambda point: {"address": {"latitude": point[0], "longitude": point[1]}}
        ),
        "message": st.integers(1, 110_000).map(lambda length: {"body": "x" * length}),
        "extras": st.fixed_dictionaries(
            {
                "priority": st.sampled_from(["standard", "express"]),
                "insuredValue": st.integers(0, 50_000).map(lambda n: n / 100),
            }
        ),
    }
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(first=INFOS, second=INFOS, part=st.sampled_from(["destination", "message", "extras", None]))
def test_an_edits_adjustment_is_the_difference_of_two_quotes(client, first, second, part):
    wanted = second if part is None else {**first, part: second[part]}
    old, new = (cents(client.call("POST", "/quotes", body)) for body in (first, wanted))
    msg_id = client.create(first).json()["msgId"]
    before = client.balance
    edited = client.edit(msg_id, second if part is None else {part: second[part]})
    assert cents(edited) == new
    assert client.balance - before == old - new
    adjustments = Entry.objects.filter(reference=msg_id, kind=EntryKind.ADJUSTMENT)
    amounts = list(adjustments.filter(postings__account=client.account.pk).values_list("postings__amount", flat=True))
    assert amounts == ([old - new] if old != new else [])
    assert client.cancel(msg_id).status_code == 200


def cents(answer: Any) -> Decimal:
    return Decimal(json.loads(answer.content, parse_float=str)["cost"])
