"""The address book."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messages.models import Message, Recipient
from ops_console.audit.models import AuditEntry
from tests import factories
from tests.integration.messages.conftest import PigeonClient, footprint, refused

ADDRESS = {"street": "1 Lane", "city": "Phoenix", "region": "AZ", "postalCode": "85004", "country": "US"}
MUM = {"recipientId": "mum", "name": "Mum", "address": ADDRESS}


def add(client, **changes):
    return client.call("POST", "/recipients", {**MUM, **changes})


def test_an_entry_is_made_and_read(client):
    answer = add(client)
    assert answer.status_code == 201
    assert answer.json() == MUM
    assert answer["Location"] == f"{client.base}/recipients/mum"
    assert client.get(answer["Location"]).json() == MUM
    entry = Recipient.objects.get()
    assert (entry.account_id, entry.place_name, entry.region) == (client.account.pk, "Phoenix, US", "US_SW")
    assert not AuditEntry.objects.filter(target_type="recipient").exists()


@pytest.mark.parametrize("recipient_id", [".", ".."])
def test_an_id_that_no_url_can_hold_is_refused(client, recipient_id):
    assert refused(add(client, recipientId=recipient_id), 400, "/recipientId")
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("recipient_id", ["...", ".a", "a.", "~", "-", "x" * 64])
def test_an_odd_id_is_reached_by_its_url(client, recipient_id):
    answer = add(client, recipientId=recipient_id)
    assert client.get(answer["Location"]).json()["recipientId"] == recipient_id


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ({"city": "london", "country": "gb"}, {"city": "london", "country": "GB"}),
        ({"latitude": 1, "longitude": -2.5}, {"latitude": 1, "longitude": -2.5}),
        ({"latitude": 0, "longitude": 0, "street": "Buoy"}, {"latitude": 0, "longitude": 0, "street": "Buoy"}),
        ({**ADDRESS, "street": "", "region": ""}, {"city": "Phoenix", "postalCode": "85004", "country": "US"}),
    ],
)
def test_addresses_are_shown_as_they_were_given(client, address, shown):
    assert add(client, address=address).json()["address"] == shown


@pytest.mark.parametrize("recipient_id", ["a", "x" * 64, "A.b_c~d-9", "0"])
def test_ids_that_are_right(client, recipient_id):
    assert add(client, recipientId=recipient_id).status_code == 201
    assert client.call("GET", f"/recipients/{recipient_id}").status_code == 200


def test_an_id_is_taken_once_in_an_account(client):
    add(client)
    before = footprint()
    answer = add(client, name="Another")
    assert refused(answer, 409)
    assert footprint() == before
    assert add(client, recipientId="MUM").status_code == 201
    assert add(PigeonClient(factories.credential())).status_code == 201


def test_what_is_left_out_of_a_change_stays(client):
    add(client)
    assert client.call("PATCH", "/recipients/mum", {"name": "Mother"}).json() == {**MUM, "name": "Mother"}
    moved = {"city": "London", "country": "GB"}
    assert client.call("PATCH", "/recipients/mum", {"address": moved}).json()["address"] == moved
    entry = Recipient.objects.get()
    assert (entry.name, entry.place_name) == ("Mother", "London, GB")
    assert client.call("PATCH", "/recipients/mum", {}).status_code == 200
    assert client.call("PATCH", "/recipients/mum", {"name": ""}).json()["name"] == ""


def test_an_id_cannot_be_changed(client):
    add(client)
    assert refused(client.call("PATCH", "/recipients/mum", {"recipientId": "dad"}), 400, "/recipientId")


def test_messages_keep_where_they_were_sent(client):
    add(client)
    client.queued(destination={"recipientId": "mum"})
    client.call("PATCH", "/recipients/mum", {"address": {"city": "London", "country": "GB"}, "name": "Mother"})
    client.call("DELETE", "/recipients/mum")
    sent = Message.objects.get()
    assert (sent.recipient_id, sent.recipient_name, sent.place_name) == ("mum", "Mum", "Phoenix, US")


def test_an_entry_is_removed_once(client):
    add(client)
    answer = client.call("DELETE", "/recipients/mum")
    assert (answer.status_code, answer.content) == (204, b"")
    for method, body in (("DELETE", None), ("GET", None), ("PATCH", {"name": "x"})):
        assert refused(client.call(method, "/recipients/mum", body), 404)
    assert add(client).status_code == 201


def test_the_book_in_pages(client, clock):
    for number in range(5):
        add(client, recipientId=f"r{number}")
    add(PigeonClient(factories.credential()))
    path = f"{client.base}/recipients"
    first = client.get(path, {"limit": "3"}).json()
    rest = client.get(path, {"limit": "3", "cursor": first["nextCursor"]}).json()
    assert [row["recipientId"] for row in first["results"] + rest["results"]] == [f"r{n}" for n in range(5)]
    assert (rest["nextCursor"], rest["next"]) == (None, None)
    newest = client.get(path, {"ordering": "-createdAt", "limit": "1"}).json()["results"]
    assert [row["recipientId"] for row in newest] == ["r4"]
    for query in ({"limit": "0"}, {"ordering": "name"}, {"cursor": "x"}):
        assert client.get(path, query).status_code == 400


def test_the_size_of_the_book_does_not_change_the_number_of_queries(client):
    counts = []
    for numbers in (range(2), range(2, 20)):
        for number in numbers:
            add(client, recipientId=f"r{number}")
        client.call("GET", "/recipients")
        with CaptureQueriesContext(connection) as queries:
            client.call("GET", "/recipients")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3
