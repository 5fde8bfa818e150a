"""Fleets for tests: rows as ``loadcouriers`` would leave them, without randomness."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from couriers.grid import cell
from couriers.models import Courier, CourierStatus
from couriers.varieties import PERFORMANCE, Variety
from ops_console.regions import Region

NOW = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def pgn_id(number: int) -> str:
    """Give the number its own pgnId, in the order of the numbers."""
    rest, last = divmod(number, 26)
    rest, digits = divmod(rest, 1000)
    letters = "".join(LETTERS[rest // 26**power % 26] for power in (2, 1, 0))
    return f"{letters}{digits:03d}{LETTERS[last]}"


def courier(
    number: int,
    latitude: float,
    longitude: float,
    *,
    variety: Variety = Variety.RACING_HOMER,
    status: CourierStatus = CourierStatus.AVAILABLE,
    region: Region = Region.US_SW,
    ready_at: datetime | None = None,
    speed_kmh: float | None = None,
    payload_g: float | None = None,
) -> Courier:
    """Make an unsaved courier; speed and payload are its variety's unless told."""
    performance = PERFORMANCE[variety]
    return Courier(
        pgn_id=pgn_id(number),
        variety=variety,
        speed_kmh=speed_kmh or performance.speed_kmh,
        payload_g=payload_g or performance.payload_g,
        partner="Sandia Lofts",
        status=status,
        region=region,
        latitude=latitude,
        longitude=longitude,
        cell=cell(latitude, longitude),
        ready_at=ready_at,
    )


def even_points(n: int) -> Iterator[tuple[float, float]]:
    """Spread points evenly over the Earth: a Fibonacci lattice."""
    golden = math.pi * (3 - math.sqrt(5))
    for index in range(n):
        longitude = math.degrees(index * golden) % 360 - 180
        yield math.degrees(math.asin(1 - (2 * index + 1) / n)), longitude


def even_fleet(n: int, *, speeds: Sequence[Variety] = tuple(Variety)) -> list[Courier]:
    """Make unsaved available couriers spread evenly over the Earth, the varieties in turn."""
    return [
        courier(index, latitude, longitude, variety=speeds[index % len(speeds)])
        for index, (latitude, longitude) in enumerate(even_points(n))
    ]
