from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from couriers.flight import arrival, flight_duration, reach_km, rest_duration

NOW = datetime(2026, 3, 18, tzinfo=UTC)


def test_a_flight_takes_distance_by_speed() -> None:
    assert flight_duration(distance_km=97, speed_kmh=97) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("distance_km", "rest"),
    [(0, timedelta(minutes=30)), (100, timedelta(minutes=30)), (1000, timedelta(hours=5)), (9000, timedelta(hours=24))],
)
def test_a_rest_is_half_the_flight_within_bounds(distance_km: float, rest: timedelta) -> None:
    assert rest_duration(distance_km=distance_km, speed_kmh=100) == rest


def test_speedup_shortens_flight_and_rest_and_lengthens_reach(settings: Any) -> None:
    settings.FLIGHT_SPEEDUP = 3600
    assert flight_duration(distance_km=100, speed_kmh=100) == timedelta(seconds=1)
    assert rest_duration(distance_km=1000, speed_kmh=100) == timedelta(seconds=5)
    assert reach_km(speed_kmh=100, time=timedelta(seconds=1)) == pytest.approx(100)


def test_no_time_reaches_nowhere() -> None:
    assert reach_km(speed_kmh=100, time=timedelta(hours=-1)) == 0


def test_a_courier_not_ready_leaves_when_it_is() -> None:
    later = NOW + timedelta(hours=3)
    assert arrival(now=NOW, ready_at=later, distance_km=50, speed_kmh=50) == later + timedelta(hours=1)
    assert arrival(now=later, ready_at=NOW, distance_km=50, speed_kmh=50) == later + timedelta(hours=1)
    assert arrival(now=NOW, ready_at=None, distance_km=50, speed_kmh=50) == NOW + timedelta(hours=1)
