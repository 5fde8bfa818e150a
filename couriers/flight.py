"""How long couriers fly and rest. Both take 1/``FLIGHT_SPEEDUP`` of their time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

LEAST_REST = timedelta(minutes=30)
MOST_REST = timedelta(hours=24)


def flight_duration(*, distance_km: float, speed_kmh: float) -> timedelta:
    """Give the time in the air."""
    return timedelta(hours=distance_km / speed_kmh / settings.FLIGHT_SPEEDUP)


def rest_duration(*, distance_km: float, speed_kmh: float) -> timedelta:
    """Give the rest after a flight: half of it, but 30 minutes at least and 24 hours at most."""
    half = timedelta(hours=distance_km / speed_kmh / 2)
    return min(max(half, LEAST_REST), MOST_REST) / settings.FLIGHT_SPEEDUP


def reach_km(*, speed_kmh: float, time: timedelta) -> float:
    """Give how far a courier gets in a time; nowhere in a negative one."""
    return max(time.total_seconds(), 0.0) / 3600 * speed_kmh * settings.FLIGHT_SPEEDUP


def arrival(*, now: datetime, ready_at: datetime | None, distance_km: float, speed_kmh: float) -> datetime:
    """Give when a courier that leaves as soon as it can is there."""
    return max(now, ready_at or now) + flight_duration(distance_km=distance_km, speed_kmh=speed_kmh)
