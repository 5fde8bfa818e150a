"""Places and address books, which staff look things up in."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from couriers.models import Place
from messages.models import Recipient
from tests import factories, ops

from .conftest import list_of, page_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]


def rows(client: Client, model: Any, **query: str) -> list[Any]:
    answer = client.get(list_of(model), query)
    assert answer.status_code == 200, answer
    return list(answer.context["cl"].result_list)


def test_a_place_is_found_by_every_name_it_goes_by(operator: Client):
    munich = Place.objects.get(name="Munich", country="DE")
    for term in ("Munich", "münchen", "MUNCHEN", " mun"):
        assert munich in rows(operator, Place, q=term), term
    assert rows(operator, Place, q="Nowhere at all") == []
    html = operator.get(page_of(munich)).content.decode()
    assert "munchen" in html
    assert f"{munich.latitude:.3f}, {munich.longitude:.3f}" in html


def test_the_largest_places_come_first_and_a_region_narrows_them(operator: Client):
    people = [place.population for place in rows(operator, Place)]
    assert people == sorted(people, reverse=True)
    antarctic = rows(operator, Place, region__exact="AN")
    assert {place.region for place in antarctic} == {"AN"}


def test_finance_which_sees_no_fleet_sees_no_places(financier: Client):
    assert financier.get(list_of(Place)).status_code == 403


def test_an_entry_is_found_by_its_id_and_by_its_account(operator: Client):
    one = ops.recipient()
    other = ops.recipient(one.account, "grandpa")
    stranger = ops.recipient(factories.account())
    assert rows(operator, Recipient) == [stranger, other, one]
    assert rows(operator, Recipient, q="grandma") == [stranger, one]
    assert rows(operator, Recipient, q=f" {one.account.username} ") == [other, one]
    assert rows(operator, Recipient, q="grand") == []
    assert rows(operator, Recipient, account__id__exact=str(stranger.account_id)) == [stranger]
    assert rows(operator, Recipient, region__exact="EU_W") == []


def test_an_entrys_page_tells_where_it_leads_and_who_changed_it(operator: Client):
    entry = ops.recipient()
    html = operator.get(page_of(entry)).content.decode()
    for told in ("Grandma Columba", "35.687", entry.place_name, entry.account.username, "recipient.create"):
        assert told in html, told


def test_who_sees_address_books(viewer: Client, financier: Client, clerk: Client):
    answers = [client.get(list_of(Recipient)).status_code for client in (viewer, financier, clerk)]
    assert answers == [200, 200, 403]


def test_the_lists_do_not_load_what_is_long(operator: Client):
    ops.recipient()
    assert "address" in rows(operator, Recipient)[0].get_deferred_fields()
    assert "names" in rows(operator, Place)[0].get_deferred_fields()
