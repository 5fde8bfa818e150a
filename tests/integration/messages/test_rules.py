"""The document's rules on a message, through POST messages: what is refused changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from couriers.models import CourierStatus
from couriers.varieties import Variety
from messages.models import Message
from tests.factories import NOW, PHOENIX
from tests.integration.messages.conftest import bird, footprint, in_hours, note, refused

TUCSON = (32.222, -110.975)
POINT = {"latitude": 33.448, "longitude": -112.074}


def refuses(client, body, *places):
    before = footprint()
    answer = client.create(body)
    assert refused(answer, 400, *places)
    assert footprint() == before
    quote = client.call("POST", "/quotes", body)
    assert quote.json() == answer.json()
    return answer.json()["errors"]


# --- Timeframe -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"), [(1, 17), (1, 169), (100, 116.5), (None, 200), (200, None), (None, None), (8000, 8168)]
)
def test_timeframes_that_are_right(client, start, end):
    bird()
    ends = {"min": start, "max": end}
    timeframe = {name: in_hours(hours) for name, hours in ends.items() if hours is not None}
    answer = client.create(note(timeframe=timeframe))
    assert answer.status_code == 201, answer.content


MILLISECOND = 1 / 3_600_000


@pytest.mark.parametrize("length", [16 - MILLISECOND, 168 + MILLISECOND, 0, -20])
def test_both_ends_are_16_to_168_hours_apart(client, length):
    bird()
    (fault,) = refuses(client, note(timeframe={"min": in_hours(30), "max": in_hours(30 + length)}), "/timeframe/max")
    assert fault["code"] == "timeframe_length"


@pytest.mark.parametrize("name", ["min", "max"])
@pytest.mark.parametrize("hours", [0, -1])
def test_an_end_lies_in_the_future(client, name, hours):
    bird()
    (fault,) = refuses(client, note(timeframe={name: in_hours(hours)}), f"/timeframe/{name}")
    assert fault["code"] == "in_the_past"


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-01T09:30:00",
        "2026-04-01",
        "2026-04-01 09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-13-01T09:30:00Z",
        "2026-04-01T25:00:00Z",
        "2026-04-01T09:30:00+25:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "tomorrow",
        "",
        "T",
        "2026-04-01T09:30:00Z\x7f",
        1_775_000_000,
        None,
        True,
        ["2026-04-01T09:30:00Z"],
    ],
)
@pytest.mark.parametrize("name", ["min", "max"])
def test_an_end_is_an_instant(client, name, text):
    bird()
    (fault,) = refuses(client, note(timeframe={name: text}), f"/timeframe/{name}")
    assert fault["code"] in {"invalid", "no_zone", "null"}
    assert (fault["code"] == "no_zone") is (text == "2026-04-01T09:30:00")


@pytest.mark.parametrize("text", ["2026-04-01T11:30:00+02:00", "2026-04-01t09:30:00z", "2026-04-01T09:30:00.000000Z"])
def test_every_zone_will_do(client, text):
    bird()
    client.queued(timeframe={"max": text})
    assert Message.objects.get().deliver_max == datetime.fromisoformat("2026-04-01T09:30:00+00:00")


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"])
@pytest.mark.parametrize("name", ["min", "max"])
def test_the_end_of_the_calendar(client, name, end):
    bird()
    client.queued(timeframe={name: end}, requestedCourier=[bird(2).pgn_id])


def test_a_max_no_courier_can_make(client):
    # 171 km at 97 km/h: an hour and 46 minutes.
    bird(at=TUCSON)
    (fault,) = refuses(client, note(timeframe={"max": in_hours(1.7)}), "/timeframe/max")
    assert fault["code"] == "unmakeable"
    assert client.create(note(timeframe={"max": in_hours(1.8)})).status_code == 201


def test_a_max_a_resting_courier_can_make_and_an_offline_one_cannot(client):
    resting = bird(at=TUCSON, status=CourierStatus.RESTING, ready_at=NOW + timedelta(hours=1))
    refuses(client, note(timeframe={"max": in_hours(2.7)}), "/timeframe/max")
    assert client.create(note(timeframe={"max": in_hours(2.8)})).status_code == 201
    type(resting).objects.update(status="offline")
    refuses(client, note(timeframe={"max": in_hours(2.8)}), "/timeframe/max")


def test_without_any_courier_no_max_can_be_made(client):
    refuses(client, note(timeframe={"max": in_hours(1000)}), "/timeframe/max")
    assert client.create().status_code == 201


def test_a_max_only_a_courier_too_weak_can_make(client):
    bird(at=PHOENIX, variety=Variety.TIPPLER)
    heavy = note(timeframe={"max": in_hours(48)}, message={"body": "a" * 60_000})
    refuses(client, heavy, "/timeframe/max")


def test_the_eta_is_not_before_min(client):
    bird(at=PHOENIX)
    assert client.create(note(timeframe={"min": in_hours(50)})).json()["eta"] == in_hours(50)
    late = client.create(note(timeframe={"min": in_hours(0.001)})).json()["eta"]
    assert late >= in_hours(0.001)


# --- Requested couriers --------------------------------------------------------------------------------------------


def test_couriers_unknown_or_repeated_are_named_by_index(client):
    one, two = bird(1).pgn_id, bird(2).pgn_id
    wanted = [one, "ZZZ999Z", two, one, "", "ZZZ999Z", one.lower(), two]
    body = note(requestedCourier=[name for name in wanted if name])
    faults = refuses(client, body, *(f"/requestedCourier/{index}" for index in (1, 3, 4, 5, 6)))
    assert [fault["code"] for fault in faults] == [
        "unknown_courier",
        "repeated",
        "unknown_courier",
        "unknown_courier",
        "repeated",
    ]


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("AAA001B", ""),
        ({}, ""),
        (5, ""),
        (None, ""),
        ([5], "/0"),
        ([None], "/0"),
        ([["AAA001B"]], "/0"),
        ([""], "/0"),
        (["x" * 21], "/0"),
        (["AAA001B"] * 21, ""),
    ],
)
def test_requested_couriers_are_a_short_array_of_strings(client, wanted, place):
    refuses(client, note() | {"requestedCourier": wanted}, f"/requestedCourier{place}")


def test_an_empty_array_asks_for_nobody(client):
    client.queued(requestedCourier=[])
    assert Message.objects.get().requested_until is None


def test_one_of_another_region_may_be_asked_for(client):
    far = bird(region="AN", at=(-77.8, 166.7))
    client.queued(requestedCourier=[far.pgn_id])
    assert Message.objects.get().requested.get().courier == far


# --- Destination ---------------------------------------------------------------------------------------------------


def entry(client, recipient_id="mum", **address):
    body = {"recipientId": recipient_id, "name": "Mum", "address": address or {"city": "London", "country": "GB"}}
    assert client.call("POST", "/recipients", body).status_code == 201


def test_an_entry_alone_brings_its_address(client):
    entry(client)
    client.queued(destination={"recipientId": "mum"})
    sent = Message.objects.get()
    assert (sent.recipient_id, sent.recipient_name, sent.place_name) == ("mum", "Mum", "London, GB")


def test_given_both_the_address_wins(client):
    entry(client)
    client.queued(destination={"recipientId": "mum", "address": {"city": "Phoenix", "country": "US"}})
    sent = Message.objects.get()
    assert (sent.recipient_id, sent.recipient_name, sent.place_name) == ("mum", "Mum", "Phoenix, US")


def test_given_both_there_need_be_no_entry(client):
    client.queued(destination={"recipientId": "whoever", "address": POINT})
    assert Message.objects.get().recipient_id == "whoever"


def test_an_entry_alone_must_be_there(client):
    (fault,) = refuses(client, note(destination={"recipientId": "mum"}), "/destination/recipientId")
    assert fault["code"] == "unknown_recipient"


def test_another_accounts_entry_is_none(client):
    from tests import factories
    from tests.integration.messages.conftest import PigeonClient

    entry(PigeonClient(factories.credential()))
    refuses(client, note(destination={"recipientId": "mum"}), "/destination/recipientId")


@pytest.mark.parametrize(
    ("destination", "places"),
    [
        ({}, ["/destination"]),
        (None, ["/destination"]),
        ([], ["/destination"]),
        ("Phoenix", ["/destination"]),
        ({"address": {}}, ["/destination/address/city", "/destination/address/country"]),
        ({"address": {"city": "Phoenix"}}, ["/destination/address/country"]),
        ({"address": {"country": "US"}}, ["/destination/address/city"]),
        ({"address": {"latitude": 1}}, ["/destination/address/longitude"]),
        ({"address": {"longitude": 1}}, ["/destination/address/latitude"]),
        ({"address": {**POINT, "city": "Phoenix"}}, ["/destination/address/city"]),
        (
            {"address": {**POINT, "city": "Phoenix", "country": "US"}},
            ["/destination/address/city", "/destination/address/country"],
        ),
        ({"address": {"latitude": 90.1, "longitude": 0}}, ["/destination/address/latitude"]),
        ({"address": {"latitude": 0, "longitude": -180.1}}, ["/destination/address/longitude"]),
        (
            {"address": {"latitude": "33", "longitude": True}},
            ["/destination/address/latitude", "/destination/address/longitude"],
        ),
        ({"address": {"city": "Phoenix", "country": "USA"}}, ["/destination/address/country"]),
        ({"address": {"city": "Phoenix", "country": "XX"}}, ["/destination/address/country"]),
        ({"address": {"city": "Nowhere at all", "country": "US"}}, ["/destination/address/city"]),
        ({"address": {"city": "Phoenix", "country": "GB"}}, ["/destination/address/city"]),
        ({"address": {"city": "Phoenix", "region": "ZZ", "country": "US"}}, ["/destination/address/region"]),
        ({"address": {"city": "Phoenix", "country": "US", "street": "x" * 201}}, ["/destination/address/street"]),
        ({"recipientId": "", "address": POINT}, ["/destination/recipientId"]),
        ({"recipientId": 5}, ["/destination/recipientId"]),
        ({"recipientId": "x" * 65, "address": POINT}, ["/destination/recipientId"]),
    ],
)
def test_destinations_that_are_none(client, destination, places):
    body = note() | {"destination": destination}
    refuses(client, body, *places)


@pytest.mark.parametrize(
    ("latitude", "longitude", "region"),
    [(90, 0, None), (-90, 0, "AN"), (0, 180, None), (0, -180, None), (35.687, -105.938, "US_SW"), (-0.0, -0.0, None)],
)
def test_a_point_is_taken_wherever_it_lies(client, latitude, longitude, region):
    client.queued(destination={"address": {"latitude": latitude, "longitude": longitude, "street": "The pole"}})
    sent = Message.objects.get()
    assert (sent.latitude, sent.longitude) == (latitude, longitude)
    assert region in (None, sent.region)


def test_a_research_station_is_a_place(client):
    client.queued(destination={"address": {"city": "McMurdo Station", "country": "AQ"}})
    assert Message.objects.get().region == "AN"


# --- The message and the extras ------------------------------------------------------------------------------------


def test_the_heaviest_message(client):
    # 76 sheets of 1,500 characters and the capsule weigh 74.2 g.
    client.queued(message={"body": "a" * (76 * 1500)})
    (fault,) = refuses(client, note(message={"body": "a" * (76 * 1500 + 1)}), "/message/body")
    assert fault["code"] == "too_heavy"
    assert "75 g" in fault["detail"]


@pytest.mark.parametrize("value", [0, 500, 0.01, 499.99, 500.0, -0.0])
def test_insured_values_that_are_right(client, value):
    client.queued(extras={"insuredValue": value})
    assert float(Message.objects.get().insured_value) == value


@pytest.mark.parametrize("value", [-0.01, 500.01, 0.001, 1e-9, 1e300, 2**53 - 1, "5", True, None, [5]])
def test_insured_values_that_are_wrong(client, value):
    refuses(client, note(extras={"insuredValue": value}), "/extras/insuredValue")


def test_insurance_costs_one_percent(client):
    quotes = [
        client.call("POST", "/quotes", note(extras={"insuredValue": value})).json()["cost"] for value in (0, 10, 500)
    ]
    assert quotes == [0.16, 0.26, 5.16]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://2130706433/",
        "https://user@93.184.216.34/",
        "ftp://93.184.216.34/",
        "javascript:alert(1)",
        "hook",
        "",
        "https://" + "x" * 2048,
        5,
        None,
    ],
)
def test_callbacks_the_guard_refuses(client, url):
    refuses(client, note(extras={"callbackUrl": url}), "/extras/callbackUrl")


def test_a_callback_in_the_open(client):
    client.queued(extras={"callbackUrl": "https://93.184.216.34/hook?x=1"})
    assert Message.objects.get().callback_url == "https://93.184.216.34/hook?x=1"


def test_the_loopback_opens_by_a_setting_only(client, loopback):
    client.queued(extras={"callbackUrl": loopback})
