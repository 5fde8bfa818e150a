"""How long couriers fly and rest. Both take 1/``FLIGHT_SPEEDUP`` of their time.

Hours are of one flight or of an array of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

Hours = TypeVar("Hours", float, NDArray[np.float64])

LEAST_REST_HOURS = 0.5
MOST_REST_HOURS = 24.0


def flight_hours(*, distance_km: Hours, speed_kmh: Hours) -> Hours:
    """Give the time in the air."""
    return distance_km / speed_kmh / settings.FLIGHT_SPEEDUP


def rest_hours(*, distance_km: Hours, speed_kmh: Hours) -> Hours:
    """Give the rest after a flight: half of it, but 30 minutes at least and 24 hours at most."""
    rest: Hours = np.clip(distance_km / speed_kmh / 2, LEAST_REST_HOURS, MOST_REST_HOURS) / settings.FLIGHT_SPEEDUP
    return rest


def durations(hours: NDArray[np.float64]) -> list[timedelta]:
    """Give an array of hours as durations, to the microsecond."""
    return [timedelta(0, 0, microseconds) for microseconds in np.rint(hours * 3.6e9).astype(np.int64).tolist()]


def flight_duration(*, distance_km: float, speed_kmh: float) -> timedelta:
    """Give ``flight_hours`` of one flight."""
    return timedelta(hours=flight_hours(distance_km=distance_km, speed_kmh=speed_kmh))


def rest_duration(*, distance_km: float, speed_kmh: float) -> timedelta:
    """Give ``rest_hours`` after one flight."""
    return timedelta(hours=rest_hours(distance_km=distance_km, speed_kmh=speed_kmh))


def reach_km(*, speed_kmh: float, time: timedelta) -> float:
    """Give how far a courier gets in a time; nowhere in a negative one."""
    return max(time.total_seconds(), 0.0) / 3600 * speed_kmh * settings.FLIGHT_SPEEDUP


def arrival(*, now: datetime, ready_at: datetime | None, distance_km: float, speed_kmh: float) -> datetime:
    """Give when a courier that leaves as soon as it can is there."""
    return max(now, ready_at or now) + flight_duration(distance_km=distance_km, speed_kmh=speed_kmh)
