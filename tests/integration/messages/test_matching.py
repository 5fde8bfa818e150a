"""Matching a batch gives what looking at every courier for every message, one after the other, gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couriers import grid, grid_arrays
from couriers.flight import flight_duration
from couriers.models import Courier
from couriers.nearest import nearest_courier
from couriers.varieties import Variety
from messages.dispatch import pool
from messages.dispatch.matching import PART_SHIFT, Levels, Matcher, QueuedMessage, destinations
from messages.dispatch.pool import CourierPool
from tests.factories import NOW
from tests.fleets import courier

pytestmark = pytest.mark.django_db
# As far to the east as to the west of a point, but for rounding errors.
DEGREES = 0.37
POLES_AND_SEAM = [
    (90.0, 0.0),
    (-90.0, 0.0),
    (0.0, 180.0),
    (0.0, -180.0),
    (10.0, 179.99),
    (10.0, -179.99),
    (5e-324, 5e-324),
]


def point(rng: random.Random) -> tuple[float, float]:
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(POLES_AND_SEAM)
    if kind < 0.5:
        return 35 + rng.gauss(0, 2), -106 + rng.gauss(0, 2)
    return rng.uniform(-90, 90), rng.uniform(-180, 180)


def queued(
    number: int,
    at: tuple[float, float],
    weight_g: float = 3,
    hours: float | None = None,
    requested: Sequence[int] = (),
    waits_h: float = 1,
    pinned: int | None = None,
) -> QueuedMessage:
    return QueuedMessage(
        id=number,
        region="US_SW",
        latitude=at[0],
        longitude=at[1],
        weight_g=weight_g,
        deliver_min=None,
        deliver_max=NOW + timedelta(hours=hours) if hours else None,
        requested_until=NOW + timedelta(hours=waits_h) if requested else None,
        pinned_courier_id=pinned,
        callback_url="",
        requested=list(requested),
    )


def brute_force(batch: list[QueuedMessage], fleet: list[Courier]) -> dict[int, int]:
    free, chosen = {bird.pk: bird for bird in fleet}, {}
    for message in batch:
        suitable = {}
        for bird in free.values():
            km = grid.great_circle_km(bird.latitude, bird.longitude, message.latitude, message.longitude)
            in_time = (
                message.deliver_max is None
                or NOW + flight_duration(distance_km=km, speed_kmh=bird.speed_kmh) <= message.deliver_max
            )
            if bird.payload_g >= message.weight_g and in_time:
                suitable[bird.pk] = (round(km, 6), bird.pk)
        order = [pk for pk in message.wants() if pk in suitable]
        if message.takes_anyone(NOW):
            order += sorted(suitable, key=suitable.__getitem__)
        if order:
            chosen[message.id] = order[0]
            del free[order[0]]
    return chosen


def some_message(number: int, rng: random.Random, fleet: list[Courier]) -> QueuedMessage:
    birds = [bird.pk for bird in rng.sample(fleet, min(len(fleet), 3))]
    asks: dict[str, Any] = {}
    if rng.random() < 0.3:
        asks = {"requested": birds, "waits_h": rng.choice([-1, 1])}
    elif birds and rng.random() < 0.1:
        asks = {"pinned": birds[0]}
    return queued(number, point(rng), rng.choice([3, 3, 3, 44, 70]), rng.choice([None, None, 5, 50, 300]), **asks)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.integers(0, 2**32),
    st.integers(0, 60),
    st.integers(1, 40),
    st.integers(1, 12),
    st.sampled_from([1, 30, 10**6]),
    st.sampled_from([0, 10**6]),
)
def test_as_brute_force(monkeypatch, seed, n_couriers, n_messages, level, most_pairs, crowd):
    monkeypatch.setattr(pool, "MOST_PAIRS", most_pairs)
    monkeypatch.setattr(pool, "CROWD", crowd)
    rng = random.Random(seed)
    Courier.objects.all().delete()
    birds = [courier(number, *point(rng), variety=rng.choice(list(Variety))) for number in range(n_couriers)]
    fleet = list(Courier.objects.bulk_create(birds))
    batch = [some_message(number, rng, fleet) for number in range(n_messages)]
    matches = Matcher(now=NOW, levels=Levels(level)).match(batch)
    found = {match.message.id: match.courier.id for match in matches}
    expected = brute_force(batch, fleet)
    # Equally near couriers at one place may differ by rounding: compare how far they are.
    by_pk = {bird.pk: bird for bird in fleet}
    assert found.keys() == expected.keys()
    for message in batch:
        if message.id in found:
            km = message.distance_km(by_pk[found[message.id]])
            assert km == pytest.approx(message.distance_km(by_pk[expected[message.id]]), abs=1e-3)


def test_one_message_gets_whom_a_single_search_finds():
    fleet = Courier.objects.bulk_create(courier(number, *point(random.Random(number))) for number in range(200))
    for number in range(30):
        at = point(random.Random(1000 + number))
        (match,) = Matcher(now=NOW).match([queued(number, at)])
        single = nearest_courier(latitude=at[0], longitude=at[1], payload_g=3, now=NOW)
        assert single is not None
        assert match.distance_km == pytest.approx(single.distance_km, abs=1e-3)
    assert len(fleet) == 200


def test_of_couriers_at_one_place_the_first_flies_first():
    places = [(35.0, -106.0), (35.5, -106.0)]
    fleet = Courier.objects.bulk_create(courier(number, *places[number % 2]) for number in range(60))
    batch = [queued(number, places[0]) for number in range(60)]
    matches = Matcher(now=NOW).match(batch)
    by_place = sorted(fleet, key=lambda bird: (-bird.latitude != -places[0][0], bird.pk))
    assert [match.courier.id for match in matches] == [bird.pk for bird in by_place]


@pytest.mark.parametrize("turn", [1, -1])
def test_couriers_equally_far_by_the_millimetre_fly_by_id(turn):
    sides = [(35.0, -106.0 + DEGREES), (35.0, -106.0 - DEGREES)][::turn]
    first, second = Courier.objects.bulk_create(courier(number, *side) for number, side in enumerate(sides))
    (nearer,) = Courier.objects.bulk_create([courier(3, 35.0, -105.9)])
    batch = [queued(number, (35.0, -106.0)) for number in range(3)]
    matches = Matcher(now=NOW).match(batch)
    assert [match.courier.id for match in matches] == [nearer.pk, first.pk, second.pk]
    assert matches[1].distance_km != matches[2].distance_km


@pytest.mark.parametrize("crowd", [0, 10**6])
def test_one_farther_and_fast_enough_is_found_behind_nearer_ones_too_slow(monkeypatch, crowd):
    monkeypatch.setattr(pool, "CROWD", crowd)
    slow = [courier(number, 35.0, -103.0, variety=Variety.RUNT) for number in range(5)]
    *_, fast = Courier.objects.bulk_create([*slow, courier(9, 35.0, -102.5)])
    (match,) = Matcher(now=NOW).match([queued(1, (35.0, -106.0), hours=5)])
    assert match.courier.id == fast.pk


def test_a_message_that_wants_someone_loses_it_to_an_earlier_one():
    bird, far = Courier.objects.bulk_create([courier(1, 35.0, -106.0), courier(2, 60.0, 100.0)])
    earlier, later = queued(1, (35.0, -106.0)), queued(2, (35.0, -106.0), requested=[bird.pk])
    matches = Matcher(now=NOW).match([earlier, later])
    assert [(match.message.id, match.courier.id) for match in matches] == [(1, bird.pk)]
    last = queued(3, (35.0, -106.0))
    matches = Matcher(now=NOW).match([later, earlier, last])
    assert [(match.message.id, match.courier.id) for match in matches] == [(2, bird.pk), (1, far.pk)]


def test_what_was_too_heavy_for_all_is_looked_for_no_farther(monkeypatch):
    looks = []
    look = CourierPool.look
    monkeypatch.setattr(CourierPool, "look", lambda *args: looks.append(args) or look(*args))
    Courier.objects.bulk_create(courier(number, 35.0, -106.0, variety=Variety.TIPPLER) for number in range(3))
    far, near = queued(1, (-40.0, 70.0), weight_g=70), queued(2, (0.0, 0.0), weight_g=71)
    light, patient = queued(3, (0.0, 0.0)), queued(4, (0.0, 0.0), weight_g=60)
    levels = Levels(first=1)
    levels.learn(grid_arrays.cells(destinations([near])) >> PART_SHIFT, np.array([16]), np.array([0]))
    matcher = Matcher(now=NOW, levels=levels)
    assert [match.message.id for match in matcher.match([far, near])] == []
    assert len(looks) == 2
    assert [match.message.id for match in matcher.match([near, light, patient])] == [3]
