"""Places in inboxes: growing, whatever the clock and other writers do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from campaigns.inboxes import APART, give_places
from campaigns.models import Inbox
from tests import factories, tenants
from tests.factories import NOW
from tests.threads import in_threads


def members(n: int) -> list[UUID]:
    return [member.pk for member in tenants.members(factories.organization(), n)]


@pytest.mark.django_db
def test_a_place_is_the_time_and_is_kept() -> None:
    given = give_places(ids := members(3), NOW)
    assert given == dict.fromkeys(ids, NOW)
    assert dict(Inbox.objects.values_list("member_id", "last_received_at")) == given


@pytest.mark.django_db
@pytest.mark.parametrize("step", [timedelta(0), timedelta(days=-400), APART])
def test_the_next_place_is_behind_the_last_whatever_the_clock_does(step: timedelta) -> None:
    [one] = members(1)
    give_places([one], NOW)
    assert give_places([one], NOW + step)[one] == NOW + APART
    assert give_places([one], NOW - step)[one] == max(NOW + 2 * APART, NOW - step)


@pytest.mark.django_db
def test_a_member_named_thrice_gets_three_places() -> None:
    one, two = members(2)
    assert give_places([one, two, one, one], NOW) == {one: NOW + 2 * APART, two: NOW}
    assert give_places([one, two, one], NOW) == {one: NOW + 4 * APART, two: NOW + APART}


@pytest.mark.django_db
def test_nobody_gets_nothing() -> None:
    assert give_places([], NOW) == {}


@pytest.mark.django_db
def test_a_batch_takes_one_statement(django_assert_num_queries: Any) -> None:
    ids = members(20)
    with django_assert_num_queries(1):
        give_places(ids, NOW)


def test_writers_of_the_same_inboxes_neither_tie_nor_wait_in_a_circle(committed_db: None) -> None:
    ids = members(8)

    def give(number: int) -> list[dict[UUID, datetime]]:
        given = []
        for turn in range(5):
            shuffled = sorted(ids, key=lambda pk: uuid4().int)
            with transaction.atomic():
                given.append(give_places(shuffled, NOW - timedelta(seconds=number * turn)))
        return given

    results = in_threads(8, give)
    assert not [result for result in results if isinstance(result, Exception)]
    given = [places for result in results if not isinstance(result, Exception) for places in result]
    for one in ids:
        assert len({places[one] for places in given}) == 40
