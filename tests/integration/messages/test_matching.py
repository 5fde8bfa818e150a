"""Matching a batch gives what looking at every courier for every message, one after the other, gives."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couriers import grid
from couriers.flight import flight_duration
from couriers.models import Courier
from couriers.nearest import nearest_courier
from couriers.varieties import Variety
from messages.dispatch.matching import Levels, Matcher, QueuedMessage
from tests.factories import NOW
from tests.fleets import courier

pytestmark = pytest.mark.django_db
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


def queued(number: int, at: tuple[float, float], weight_g: float, hours: float | None) -> QueuedMessage:
    return QueuedMessage(
        id=number,
        msg_id=str(number),
        organization_id=None,
        region="US_SW",
        latitude=at[0],
        longitude=at[1],
        weight_g=weight_g,
        deliver_min=None,
        deliver_max=NOW + timedelta(hours=hours) if hours else None,
        requested_until=None,
        pinned_courier_id=None,
        callback_url="",
    )


def brute_force(batch: list[QueuedMessage], fleet: list[Courier]) -> dict[int, int]:
    free, chosen = {bird.pk: bird for bird in fleet}, {}
    for message in batch:
        suitable = []
        for bird in free.values():
            km = grid.great_circle_km(bird.latitude, bird.longitude, message.latitude, message.longitude)
            in_time = (
                message.deliver_max is None
                or NOW + flight_duration(distance_km=km, speed_kmh=bird.speed_kmh) <= message.deliver_max
            )
            if bird.payload_g >= message.weight_g and in_time:
                suitable.append((round(km, 6), bird.pk))
        if suitable:
            chosen[message.id] = min(suitable)[1]
            del free[chosen[message.id]]
    return chosen


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 40), st.integers(1, 12))
def test_as_brute_force(seed, n_couriers, n_messages, level):
    rng = random.Random(seed)
    Courier.objects.all().delete()
    birds = [courier(number, *point(rng), variety=rng.choice(list(Variety))) for number in range(n_couriers)]
    fleet = list(Courier.objects.bulk_create(birds))
    batch = [
        queued(number, point(rng), rng.choice([3, 3, 3, 44, 70]), rng.choice([None, None, 5, 50, 300]))
        for number in range(n_messages)
    ]
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
        (match,) = Matcher(now=NOW).match([queued(number, at, 3, None)])
        single = nearest_courier(latitude=at[0], longitude=at[1], payload_g=3, now=NOW)
        assert single is not None
        assert match.distance_km == pytest.approx(single.distance_km, abs=1e-3)
    assert len(fleet) == 200
