"""GET messages/{msgId}: the four shapes; and the list of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messages.dispatch.landing import land_due
from messages.models import Flight, Message
from ops_console.formats import json_time
from tests import factories
from tests.factories import NOW, PHOENIX
from tests.integration.messages.conftest import HOUR, PigeonClient, bird, fly, in_hours, note, refused

POINT = {"address": {"latitude": PHOENIX[0], "longitude": PHOENIX[1]}}


@pytest.fixture
def msg_id(client) -> str:
    bird()
    return client.queued(destination=POINT)


def land() -> None:
    assert land_due(now=Flight.objects.get().arrives_at) == 1


def test_queued(client, msg_id):
    answer = client.status(msg_id)
    eta = json_time(Message.objects.get().eta)
    assert answer.content.decode() == f'{{"msgId":"{msg_id}","status":"queued","eta":"{eta}","cost":0.16}}'
    assert (answer.status_code, answer["ETag"], answer["Content-Type"]) == (200, '"v1"', "application/json")


def test_enroute(client, clock, msg_id):
    fly()
    flight = Flight.objects.get()
    whole = flight.arrives_at - NOW
    clock.move_to(NOW + whole / 4)
    answer = client.status(msg_id)
    shown = dict(answer.json())
    latitude, longitude = shown.pop("position").values()
    assert shown == {
        "msgId": msg_id,
        "status": "enroute",
        "eta": json_time(flight.arrives_at),
        "cost": 0.16,
        "pgnId": "AAA000B",
        "partner": "Sandia Lofts",
        "departedAt": "2026-03-18T09:30:00.000Z",
        "progress": 0.25,
    }
    assert list(answer.json()) == [
        "msgId", "status", "eta", "cost", "pgnId", "partner", "departedAt", "progress", "position",
    ]  # fmt: skip
    assert list(answer.json()["position"]) == ["latitude", "longitude"]
    assert 33.448 < latitude < 35.687
    assert -112.074 < longitude < -105.938
    assert (answer["ETag"], b'"cost":0.16' in answer.content) == ('"v2"', True)


def test_enroute_from_end_to_end(client, clock, msg_id):
    fly()
    flight = Flight.objects.get()
    start = client.status(msg_id).json()
    assert (start["progress"], start["position"]) == (0, {"latitude": 35.687, "longitude": -105.938})
    clock.move_to(flight.arrives_at + HOUR)
    end = client.status(msg_id).json()
    assert (end["progress"], end["position"]) == (1, {"latitude": 33.448, "longitude": -112.074})
    assert end["eta"] == json_time(flight.arrives_at + HOUR)


def test_delivered(client, msg_id):
    fly()
    land()
    answer = client.status(msg_id)
    at = json_time(Flight.objects.get().arrives_at)
    assert answer.content.decode() == (
        f'{{"msgId":"{msg_id}","status":"delivered","deliveredAt":"{at}","cost":0.16,'
        f'"pgnId":"AAA000B","partner":"Sandia Lofts"}}'
    )
    assert answer["ETag"] == '"v3"'


def test_refunded(client, clock, msg_id):
    clock.move_to(NOW + timedelta(minutes=5))
    client.cancel(msg_id)
    answer = client.status(msg_id)
    assert answer.content.decode() == (
        f'{{"msgId":"{msg_id}","status":"refunded","cost":0.16,"refundedAt":"2026-03-18T09:35:00.000Z",'
        f'"reason":"Cancelled by the client."}}'
    )


def test_the_eta_of_a_late_message_is_not_in_the_past(client, clock, msg_id):
    clock.move_to(NOW + timedelta(days=30))
    assert client.status(msg_id).json()["eta"] == json_time(NOW + timedelta(days=30))


@pytest.mark.parametrize("unknown", ["4prDjddvmLpDA2A2", "x", "x" * 3000, "é", "%27", "..%2fmessages", "-1", "null"])
def test_an_unknown_message_is_not_found(client, msg_id, unknown):
    for answer in (client.status(unknown), client.cancel(unknown), client.edit(unknown[:100], {})):
        assert answer.status_code in {400, 404}, answer.content
    assert refused(client.status(unknown), 404)
    assert refused(client.status(msg_id.swapcase()), 404)


def test_a_status_takes_few_queries(client, msg_id, django_assert_max_num_queries):
    fly()
    client.status(msg_id)
    with django_assert_max_num_queries(4):
        assert client.status(msg_id).json()["status"] == "enroute"


# --- The list ------------------------------------------------------------------------------------------------------


def listed(client: PigeonClient, **query: str) -> list[str]:
    answer = client.get(f"{client.base}/messages", query)
    assert answer.status_code == 200, answer.content
    return [row["msgId"] for row in answer.json()["results"]]


def test_the_list_shows_each_in_the_shape_of_its_status(client):
    bird()
    ids = [client.queued(destination=POINT, extras={"reference": "flown"})]
    fly()
    land()
    bird(2)
    ids.append(client.queued(destination=POINT))
    fly()
    ids += [client.queued(), client.queued()]
    client.cancel(ids[3])
    PigeonClient(factories.credential()).queued()
    answer = client.get(f"{client.base}/messages")
    assert answer.json().keys() == {"results", "nextCursor", "next"}
    rows = answer.json()["results"]
    assert [row["msgId"] for row in rows] == ids[::-1]
    assert [row["status"] for row in rows] == ["refunded", "queued", "enroute", "delivered"]
    for row in rows:
        extra = {"reference": "flown" if row["status"] == "delivered" else "", "createdAt": in_hours(0)}
        assert row == client.status(row["msgId"]).json() | extra


def test_pages_go_through_all_once_though_rows_come_and_go(client):
    ids = [client.queued() for _ in range(7)]
    path, seen, query = f"{client.base}/messages", [], {"limit": "3"}
    while True:
        page = client.get(path, query).json()
        seen += [row["msgId"] for row in page["results"]]
        if page["nextCursor"] is None:
            break
        assert page["next"].startswith("http://localhost:8000" + path)
        query["cursor"] = page["nextCursor"]
        client.queued()
    assert seen == ids[::-1]
    assert listed(client, ordering="createdAt", limit="2") == ids[:2]


def test_filters(client, clock):
    first = client.queued(extras={"reference": "a"})
    clock.move_to(NOW + HOUR)
    second = client.queued(extras={"reference": "b"})
    client.cancel(second)
    assert listed(client, status="queued") == [first]
    assert listed(client, status="refunded") == [second]
    assert listed(client, status="enroute") == []
    assert listed(client, reference="a") == [first]
    assert listed(client, reference="A") == []
    assert listed(client, createdAfter=in_hours(1)) == [second]
    assert listed(client, createdBefore=in_hours(1)) == [first]
    assert listed(client, createdAfter="2026-03-18T11:30:00+01:00", status="refunded") == [second]
    assert listed(client, createdAfter="0001-01-01T00:00:00Z", createdBefore="9999-12-31T23:59:59Z") == [second, first]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "lost"),
        ("status", "QUEUED"),
        ("reference", "x" * 101),
        ("createdAfter", "yesterday"),
        ("createdBefore", "2026-02-30T00:00:00Z"),
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "-1"),
        ("limit", "1e2"),
        ("ordering", "cost"),
        ("ordering", "-id"),
        ("cursor", "x"),
        ("cursor", "é:é"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(client, name, value):
    answer = client.get(f"{client.base}/messages", {name: value})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["parameter"] == name


def test_another_lists_cursor_is_refused(client):
    ids = [client.queued() for _ in range(3)]
    other = PigeonClient(factories.credential())
    cursor = client.get(f"{client.base}/messages", {"limit": "1"}).json()["nextCursor"]
    assert listed(client, cursor=cursor, limit="1") == [ids[1]]
    for caller, query in (
        (other, {"cursor": cursor}),
        (client, {"cursor": cursor, "ordering": "createdAt"}),
        (client, {"cursor": cursor[:-1] + ("a" if cursor[-1] != "a" else "b")}),
    ):
        assert caller.get(f"{caller.base}/messages", query).status_code == 400
    assert client.get(f"{client.base}/recipients", {"cursor": cursor}).status_code == 400


def test_the_size_of_the_list_does_not_change_the_number_of_queries(client):
    counts = []
    for numbers in (range(2), range(2, 20)):
        for number in numbers:
            bird(number)
            client.queued(destination=POINT)
        fly()
        client.get(f"{client.base}/messages")
        with CaptureQueriesContext(connection) as queries:
            rows = client.get(f"{client.base}/messages").json()["results"]
        assert {row["status"] for row in rows} == {"enroute"}
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4
    assert '"pigeon_messages_message"."body"' not in str(queries.captured_queries)


def test_cost_has_two_decimals_always(client):
    msg_id = client.queued(extras={"insuredValue": 4})
    assert b'"cost":0.20' in client.status(msg_id).content
    assert Message.objects.get().cost == Decimal("0.20")
    assert b'"cost":0.20' in client.call("POST", "/quotes", note(extras={"insuredValue": 4})).content
