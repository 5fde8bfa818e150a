"""Bodies no client should send: a 4xx problem that names the member where one is at fault, and nothing changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.messages.conftest import bird, footprint, in_hours, note, refused

GOOD = {
    "destination": {
        "recipientId": "mum",
        "address": {"street": "1", "city": "Phoenix", "region": "AZ", "postalCode": "85004", "country": "US"},
    },
    "message": {"subject": "s", "body": "b", "format": "text"},
    "timeframe": {"min": in_hours(10), "max": in_hours(50)},
    "requestedCourier": ["AAA000B"],
    "extras": {
        "priority": "standard",
        "returnReceipt": False,
        "insuredValue": 1,
        "reference": "r",
        "callbackUrl": "https://93.184.216.34/",
    },
}
POINT = {"destination": {"address": {"latitude": 1.5, "longitude": 2.5}}}
STRINGS = [
    "/destination/recipientId",
    *(f"/destination/address/{name}" for name in ("street", "city", "region", "postalCode", "country")),
    "/message/subject",
    "/message/body",
    "/message/format",
    "/timeframe/min",
    "/timeframe/max",
    "/requestedCourier/0",
    "/extras/priority",
    "/extras/reference",
    "/extras/callbackUrl",
]
NUMBERS = ["/extras/insuredValue", "/destination/address/latitude", "/destination/address/longitude"]
OBJECTS = ["/destination", "/destination/address", "/message", "/timeframe", "/extras"]
WRONG: dict[str, list[Any]] = {
    "string": [5, 1.5, True, [], {}, ["x"]],
    "number": ["1", True, [], {}, "NaN"],
    "boolean": ["true", 1, 0, [], {}],
    "object": ["x", 5, True, []],
    "array": ["x", 5, True, {}],
}
TYPES = (
    [(place, "string") for place in STRINGS]
    + [(place, "number") for place in NUMBERS]
    + [("/extras/returnReceipt", "boolean"), ("/requestedCourier", "array")]
    + [(place, "object") for place in OBJECTS]
)
CREATING = ["/messages", "/quotes"]


def with_value(place: str, value: Any) -> dict[str, Any]:
    """The good body with another value there."""
    body = json.loads(json.dumps({**GOOD, **POINT} if "itude" in place else GOOD))
    target = body
    *parents, last = place.strip("/").split("/")
    for name in parents:
        target = target[name]
    target[int(last) if isinstance(target, list) else last] = value
    return body


@pytest.fixture
def queued(client) -> str:
    """A message to be edited badly."""
    bird()
    return client.queued(timeframe={"max": in_hours(60)}, requestedCourier=["AAA000B"])


def test_the_body_the_others_are_made_of_is_good(client):
    bird()
    assert [client.call("POST", path, GOOD).status_code for path in CREATING] == [201, 200]


def test_a_wrong_type_is_named(client, queued, subtests):
    before = footprint()
    for place, kind in TYPES:
        with subtests.test(place):
            for value in WRONG[kind]:
                body = with_value(place, value)
                for path in CREATING:
                    assert refused(client.call("POST", path, body), 400, place), value
                assert refused(client.edit(queued, body), 400, f"/msgInfo{place}"), value
            assert footprint() == before


def test_null_is_no_value_on_create(client, subtests):
    bird()
    before = footprint()
    for place, _ in TYPES:
        with subtests.test(place):
            assert refused(client.create(with_value(place, None)), 400, place)
            assert footprint() == before


NAMES = {"colour": "colour", "msgId": "msgId", "Body": "Body", "__proto__": "__proto__", "": "", "a/b~c": "a~1b~0c"}


@pytest.mark.parametrize("value", ["x", None, {"min": None}])
def test_an_unknown_member_is_named_at_every_level(client, queued, subtests, value):
    before = footprint()
    for parent in ("", *OBJECTS):
        with subtests.test(parent):
            for name, escaped in NAMES.items():
                body = json.loads(json.dumps(GOOD))
                target = body
                for step in parent.split("/")[1:]:
                    target = target[step]
                target[name] = value
                assert refused(client.create(body), 400, f"{parent}/{escaped}")
                assert refused(client.edit(queued, body), 400, f"/msgInfo{parent}/{escaped}")
            assert footprint() == before


@pytest.mark.parametrize("missing", ["/destination", "/message", "/message/body"])
def test_a_missing_member_is_named(client, missing):
    body = json.loads(json.dumps(note()))
    parent, _, name = missing.rpartition("/")
    (body[parent.strip("/")] if parent else body).pop(name)
    assert refused(client.create(body), 400, missing)


def test_several_faults_are_named_together(client):
    body = {"message": {"body": 5, "format": "html"}, "extras": {"priority": "urgent"}, "colour": "blue"}
    answer = client.create(body)
    assert answer.status_code == 400
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {
        "/destination",
        "/message/body",
        "/message/format",
        "/extras/priority",
        "/colour",
    }


def raw(member: bytes) -> bytes:
    return b'{"destination":{"address":{"city":"Phoenix","country":"US"}},"message":{"body":"b"},' + member + b"}"


BROKEN: dict[str, tuple[bytes, int, list[str]]] = {
    "empty": (b"", 400, ["/destination", "/message"]),
    "spaces": (b"  \n", 400, [""]),
    "cut": (b'{"destination": {', 400, [""]),
    "trailing": (b"{} {}", 400, [""]),
    "trailing comma": (b'{"message": {"body": "x"},}', 400, [""]),
    "single quotes": (b"{'message': 1}", 400, [""]),
    "array": (b"[]", 400, [""]),
    "array of messages": (b"[" + raw(b'"extras":{}') + b"]", 400, [""]),
    "string": (b'"message"', 400, [""]),
    "number": (b"5", 400, [""]),
    "null": (b"null", 400, [""]),
    "form": (b"message=Coo", 400, [""]),
    "xml": (b"<message/>", 400, [""]),
    "not utf-8": (raw(b'"extras":{"reference":"\xff"}'), 400, [""]),
    "utf-16": (json.dumps(note()).encode("utf-16"), 400, [""]),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(note()).encode(), 400, [""]),
    "raw NUL": (raw(b'"extras":{"reference":"\0"}'), 400, [""]),
    "NUL": (raw(rb'"extras":{"reference":"\u0000"}'), 400, ["/extras/reference"]),
    "half a surrogate": (raw(rb'"extras":{"reference":"\ud800"}'), 400, ["/extras/reference"]),
    "NaN": (raw(b'"extras":{"insuredValue":NaN}'), 400, ["/extras/insuredValue"]),
    "Infinity": (raw(b'"extras":{"insuredValue":-Infinity}'), 400, ["/extras/insuredValue"]),
    "huge float": (raw(b'"extras":{"insuredValue":1e999}'), 400, ["/extras/insuredValue"]),
    "huge integer": (raw(b'"extras":{"insuredValue":' + b"9" * 5000 + b"}"), 400, ["/extras/insuredValue"]),
    "twice": (raw(b'"extras":{"reference":"a","reference":"b"}'), 400, ["/extras/reference"]),
    "twice, the same": (raw(b'"message":{"body":"b"}'), 400, ["/message"]),
    "deep": (b'{"message":' * 50_000, 400, [""]),
    "deep and closed": (b"[" * 500 + b"]" * 500, 400, ["/0" * 32]),
    "deep in a member": (
        raw(b'"extras":{"reference":' + b"[" * 40 + b"]" * 40 + b"}"), 400, ["/extras/reference" + "/0" * 30]
    ),
    "10 MB": (raw(b'"extras":{"reference":"' + b"x" * 10_000_000 + b'"}'), 413, []),
    "10 MB of spaces": (b" " * 10_000_000, 413, []),
}  # fmt: skip


@pytest.mark.parametrize("key", [None, "k"])
def test_what_is_no_good_json(client, subtests, key):
    before = footprint()
    headers = {"Idempotency-Key": key} if key else {}
    for name, (body, status, places) in BROKEN.items():
        with subtests.test(name):
            for path in CREATING:
                assert refused(client.call("POST", path, body, **headers), status, *places)
            assert footprint() == before


def test_an_edit_that_is_no_good_json(client, queued, subtests):
    before = footprint()
    for name, (body, status, _) in BROKEN.items():
        with subtests.test(name):
            for method in ("PATCH", "PUT"):
                answer = client.call(method, f"/messages/{queued}", body)
                assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
            assert footprint() == before


def test_an_address_book_entry_that_is_no_good_json(client, subtests):
    assert client.call("POST", "/recipients", ENTRY).status_code == 201
    before = footprint()
    for name, (body, status, _) in BROKEN.items():
        # Nothing at all is an edit that changes nothing.
        addresses = [("POST", "/recipients")] + ([("PATCH", "/recipients/mum")] if name != "empty" else [])
        with subtests.test(name):
            for method, path in addresses:
                answer = client.call(method, path, body)
                assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
            assert footprint() == before


OTHER_KINDS = [
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    "application/merge-patch+json",
    "nonsense",
    "",
]


def test_another_content_type_is_not_read(client, queued, subtests):
    before = footprint()
    for kind in OTHER_KINDS:
        with subtests.test(kind):
            for method, path in (
                ("POST", "/messages"),
                ("POST", "/quotes"),
                ("POST", "/recipients"),
                ("PATCH", f"/messages/{queued}"),
            ):
                assert refused(client.call(method, path, note(), content_type=kind), 415)
            assert footprint() == before


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "APPLICATION/JSON", "application/json;foo=bar"])
def test_json_by_its_other_names_is_read(client, kind):
    assert client.call("POST", "/messages", note(), content_type=kind).status_code == 201


def test_the_outside_of_an_edit(client, queued, subtests):
    before = footprint()
    for body, places in (
        ({}, ["/msgId", "/msgInfo"]),
        ({"msgId": "x"}, ["/msgInfo"]),
        ({"msgInfo": {}}, ["/msgId"]),
        ({"msgId": 5, "msgInfo": {}}, ["/msgId"]),
        ({"msgId": None, "msgInfo": None}, ["/msgId", "/msgInfo"]),
        ({"msgId": queued, "msgInfo": []}, ["/msgInfo"]),
        ({"msgId": queued, "msgInfo": "x"}, ["/msgInfo"]),
        ({"msgId": queued, "msgInfo": {}, "status": "delivered"}, ["/status"]),
        ({"msgId": "4prDjddvmLpDA2A2", "msgInfo": {}}, ["/msgId"]),
        ({"msgId": queued.swapcase(), "msgInfo": {}}, ["/msgId"]),
    ):
        with subtests.test(body=body):
            for method in ("PATCH", "PUT"):
                assert refused(client.call(method, f"/messages/{queued}", body), 400, *places)
            assert footprint() == before


NO_IDS: list[Any] = [5, 1.5, True, None, [], {}, "", " a", "a ", "a b", "é", "a/b", "a\n", "x" * 65]
OTHER_NAMES: list[Any] = [5, True, None, [], {}, "x" * 201]
OTHER_ADDRESSES: list[Any] = [5, True, None, [], "London"]
ENTRY = {"recipientId": "mum", "name": "Mum", "address": {"city": "London", "country": "GB"}}


WRONG_ENTRIES: list[tuple[dict[str, Any], str]] = [
    *(({"recipientId": value}, "/recipientId") for value in NO_IDS),
    *(({"name": value}, "/name") for value in OTHER_NAMES),
    *(({"address": value}, "/address") for value in OTHER_ADDRESSES),
    ({"address": {}}, "/address/city /address/country"),
    ({"address": {"city": "London", "country": "GB", "colour": "red"}}, "/address/colour"),
    ({"address": {"city": "Nowhere at all", "country": "GB"}}, "/address/city"),
    ({"address": {"city": "London", "country": "XX"}}, "/address/country"),
    ({"colour": "red"}, "/colour"),
]


def test_address_book_entries_that_are_wrong(client, subtests):
    before = footprint()
    for change, place in WRONG_ENTRIES:
        with subtests.test(change=change):
            assert refused(client.call("POST", "/recipients", {**ENTRY, **change}), 400, *place.split())
            assert footprint() == before


def test_changes_of_an_address_book_entry_that_are_wrong(client, subtests):
    assert client.call("POST", "/recipients", ENTRY).status_code == 201
    before = footprint()
    for change, place in WRONG_ENTRIES:
        if "recipientId" not in change:
            with subtests.test(change=change):
                assert refused(client.call("PATCH", "/recipients/mum", change), 400, *place.split())
                assert footprint() == before


@pytest.mark.parametrize("path", ["/messages/a%00b", "/recipients/%00", "/messages?reference=%00", "/messages/%ff%fe"])
def test_addresses_that_hold_what_no_text_holds(client, path):
    answer = client.call("GET", path)
    assert answer.status_code in {400, 404}
    assert answer["Content-Type"] == "application/problem+json"
