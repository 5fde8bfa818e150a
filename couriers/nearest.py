"""The exact nearest courier or place, found by the index on ``cell`` whatever the size of the fleet.

A first statement reads the few rows whose codes are next to the point's own: the best of them bounds the distance. A
second reads the ranges of ``couriers.grid`` that cover that bound and measures exactly. Only when rows must also meet a
time, and none of the first few does, are further rings searched.

Distances are compared by the millimetre; ties go to the lowest id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import cos, radians, sin
from typing import Any

from django.conf import settings
from django.db import connection

from couriers.flight import reach_km
from couriers.grid import EARTH_RADIUS_KM, HALF_ROUND_KM, cell, covered_km, level_covering, ranges_around
from couriers.models import Place
from couriers.varieties import TOP_SPEED_KMH

# Rows read on either side of the point's own code.
NEIGHBOURS = 8
# Where the rings start when none of the neighbours will do, and how they grow.
FIRST_RING_KM = 100.0
RING_GROWTH = 4.0
MM_PER_KM = 1e6


class Among(StrEnum):
    """Which couriers are searched: the condition of the partial index that holds them."""

    AVAILABLE = "t.status = 'available'"
    WORKING = "t.status <> 'offline'"


@dataclass(frozen=True)
class Candidate:
    """A courier, how far it is, and when it would be there if it left as soon as it can."""

    courier_id: int
    distance_km: float
    arrives_at: datetime


# PostgreSQL refuses products too small for a float, so an angle is none below 1e-12 degrees (0.1 micrometres).
ANGLE_DECIMALS = 12
ANGLE = f"radians(round({{}} * 1e{ANGLE_DECIMALS}) / 1e{ANGLE_DECIMALS})"
# couriers.grid.great_circle_km in SQL, to the millimetre.
MILLIMETRES = f"""
round({EARTH_RADIUS_KM * MM_PER_KM} * atan2(
    sqrt(
        power(cos(t.phi) * sin(t.delta), 2)
        + power(%(cos_phi)s * sin(t.phi) - %(sin_phi)s * cos(t.phi) * cos(t.delta), 2)
    ),
    %(sin_phi)s * sin(t.phi) + %(cos_phi)s * cos(t.phi) * cos(t.delta)
))::bigint
"""
# couriers.flight.arrival in SQL.
ARRIVAL = """
greatest(%(now)s, coalesce(t.ready_at, %(now)s))
    + make_interval(secs => t.mm / 1e6 / t.speed_kmh * 3600 / %(speedup)s)
"""
NEIGHBOUR_ROWS = """
(SELECT * FROM {table} t WHERE {condition} AND t.cell >= %(cell)s ORDER BY t.cell LIMIT %(neighbours)s)
UNION ALL
(SELECT * FROM {table} t WHERE {condition} AND t.cell < %(cell)s ORDER BY t.cell DESC LIMIT %(neighbours)s)
"""
RANGE_ROWS = "SELECT * FROM {table} t WHERE {condition} AND ({ranges})"
BEST = """
SELECT id, mm, arrives_at FROM (
    SELECT t.id, t.mm, {arrival} AS arrives_at FROM (
        SELECT t.*, {millimetres} AS mm FROM (
            SELECT t.*, {phi} AS phi, {delta} AS delta FROM ({rows}) t OFFSET 0
        ) t OFFSET 0
    ) t
) t WHERE {goal} ORDER BY {order}, id LIMIT 1
"""


@dataclass(frozen=True)
class Row:
    id: int
    mm: int
    arrives_at: datetime | None

    @property
    def distance_km(self) -> float:
        return self.mm / MM_PER_KM


@dataclass(frozen=True)
class Search:
    """One search round a point. ``condition`` names columns, ``goal`` what follows from distance and time.

    ``ring`` says how far a better row than this one may be; nothing farther than ``reach_km`` meets the goal.
    """

    latitude: float
    longitude: float
    table: str
    condition: str
    params: dict[str, Any]
    arrival: str = "NULL::timestamptz"
    goal: str = "true"
    order: str = "mm"
    reach_km: float = HALF_ROUND_KM
    ring: Callable[[Row], float] = lambda row: row.distance_km

    def run(self) -> Row | None:
        """Give the best row, in two statements unless the goal excludes all neighbours."""
        found = self._best(NEIGHBOUR_ROWS, cell=cell(self.latitude, self.longitude), neighbours=NEIGHBOURS)
        if found is None and self.goal == "true":
            return None
        radius = self.ring(found) if found else FIRST_RING_KM
        while True:
            level = level_covering(min(radius, self.reach_km))
            found = self._best(RANGE_ROWS, ranges=self._ranges(level))
            covered = covered_km(level)
            if covered >= self.reach_km or (found and self.ring(found) <= covered):
                return found
            radius = self.ring(found) if found else covered * RING_GROWTH

    def _ranges(self, level: int) -> str:
        ranges = ranges_around(self.latitude, self.longitude, level)
        return " OR ".join(f"t.cell BETWEEN {low} AND {high}" for low, high in ranges)

    def _best(self, rows: str, ranges: str = "", **params: Any) -> Row | None:
        with connection.cursor() as cursor:
            cursor.execute(self._statement(rows, ranges), {**self._point(), **self.params, **params})
            row = cursor.fetchone()
        return Row(*row) if row else None

    def _statement(self, rows: str, ranges: str) -> str:
        return BEST.format(
            arrival=self.arrival,
            millimetres=MILLIMETRES,
            phi=ANGLE.format("t.latitude"),
            delta=ANGLE.format("t.longitude") + " - %(lambda)s",
            rows=rows.format(table=self.table, condition=self.condition, ranges=ranges),
            goal=self.goal,
            order=self.order,
        )

    def _point(self) -> dict[str, float]:
        phi = radians(round(self.latitude, ANGLE_DECIMALS))
        return {"sin_phi": sin(phi), "cos_phi": cos(phi), "lambda": radians(round(self.longitude, ANGLE_DECIMALS))}


def nearest_courier(
    *,
    latitude: float,
    longitude: float,
    payload_g: float,
    now: datetime,
    among: Among = Among.AVAILABLE,
    not_after: datetime | None = None,
) -> Candidate | None:
    """Find the nearest courier that carries the payload and, if told, can be there in time."""
    return _candidate(
        _courier_search(
            latitude=latitude, longitude=longitude, payload_g=payload_g, now=now, among=among, not_after=not_after
        )
    )


def fastest_arrival(
    *, latitude: float, longitude: float, payload_g: float, now: datetime, not_after: datetime
) -> Candidate | None:
    """Find who is there first of all that work (not offline), busy and resting ones from when they are ready.

    None when nobody is there in time.
    """
    return _candidate(
        _courier_search(
            latitude=latitude,
            longitude=longitude,
            payload_g=payload_g,
            now=now,
            among=Among.WORKING,
            not_after=not_after,
            order="arrives_at",
            ring=lambda row: _reach(now, row.arrives_at),
        )
    )


def nearest_place(*, latitude: float, longitude: float) -> Place:
    """Find the nearest place, in three statements.

    Raises:
        Place.DoesNotExist: no places are loaded.
    """
    row = Search(latitude, longitude, Place._meta.db_table, "true", {}).run()
    if row is None:
        raise Place.DoesNotExist("No places are loaded: run 'manage.py loadplaces'.")
    return Place.objects.get(pk=row.id)


def _courier_search(
    *,
    latitude: float,
    longitude: float,
    payload_g: float,
    now: datetime,
    among: Among,
    not_after: datetime | None,
    **more: Any,
) -> Search:
    return Search(
        latitude,
        longitude,
        table="couriers_courier",
        condition=f"{among} AND t.payload_g >= %(payload_g)s",
        params={"payload_g": payload_g, "now": now, "not_after": not_after, "speedup": settings.FLIGHT_SPEEDUP},
        arrival=ARRIVAL,
        goal="arrives_at <= %(not_after)s" if not_after else "true",
        reach_km=_reach(now, not_after),
        **more,
    )


def _reach(now: datetime, then: datetime | None) -> float:
    """Give how far any courier gets until then: half round the Earth if there is no limit."""
    if then is None:
        return HALF_ROUND_KM
    return min(reach_km(speed_kmh=TOP_SPEED_KMH, time=then - now), HALF_ROUND_KM)


def _candidate(search: Search) -> Candidate | None:
    row = search.run()
    if row is None or row.arrives_at is None:
        return None
    return Candidate(row.id, row.distance_km, row.arrives_at)
