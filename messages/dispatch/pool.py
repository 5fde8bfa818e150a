"""The available couriers round the destinations of a batch, fetched through the grid index as they are needed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from math import sqrt
from typing import NamedTuple

from django.db import connection

from couriers import grid
from ops_console.state_machine import array_text

# In the order of Candidate. PostgreSQL refuses products of tiny numbers; adding and taking away 360 makes them zero.
FETCH = """
SELECT c.cell, c.id, cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat), c.speed_kmh, c.payload_g, c.latitude,
       c.longitude
FROM unnest(%s::bigint[], %s::bigint[]) AS r (low, high)
JOIN couriers_courier c ON c.cell BETWEEN r.low AND r.high AND c.status = 'available'
    AND (c.ready_at IS NULL OR c.ready_at <= %s),
LATERAL (SELECT radians(c.latitude + 360 - 360), radians(c.longitude + 360 - 360)) AS p (lat, lon)
"""
FETCH_BY_ID = """
SELECT c.cell, c.id, cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat), c.speed_kmh, c.payload_g, c.latitude,
       c.longitude
FROM couriers_courier c,
LATERAL (SELECT radians(c.latitude + 360 - 360), radians(c.longitude + 360 - 360)) AS p (lat, lon)
WHERE c.id = ANY(%s::bigint[]) AND c.status = 'available' AND (c.ready_at IS NULL OR c.ready_at <= %s)
"""
# Millimetres in the Earth's radius.
MM = grid.EARTH_RADIUS_KM * 1e6


class Candidate(NamedTuple):
    """An available courier: a row as it was read, for a batch reads tens of thousands. x, y, z: its unit vector."""

    cell: int
    id: int
    x: float
    y: float
    z: float
    speed_kmh: float
    payload_g: float
    latitude: float
    longitude: float


Row = tuple[int, int, float, float, float, float, float, float, float]


class CourierPool:
    """Rows of candidates sorted by cell, so that a range of the grid is a slice of them.

    A courier that another process woke after ``now`` is left to a later batch: it would leave before it arrived.
    """

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        # Those a message of this batch has.
        self.taken: set[int] = set()
        self._by_id: dict[int, Row] = {}
        self._sorted: list[Row] = []
        self._cells: list[int] = []
        self._fetched: set[grid.Range] = set()

    def fetch(self, ranges: Iterable[grid.Range]) -> None:
        """Read the available couriers of those ranges that were not read before: one query."""
        new = set(ranges) - self._fetched
        if not new:
            return
        self._fetched |= new
        low, high = zip(*_merged(sorted(new)), strict=True)
        self._read(FETCH, [low, high])

    def fetch_by_id(self, ids: Iterable[int]) -> None:
        """Read those of the couriers that are available, wherever they are."""
        wanted = set(ids) - self._by_id.keys()
        if wanted:
            self._read(FETCH_BY_ID, [list(wanted)])

    def by_id(self, courier_id: int) -> Candidate | None:
        """The courier, if it was fetched and nobody has taken it."""
        row = self._by_id.get(courier_id)
        return Candidate(*row) if row is not None and courier_id not in self.taken else None

    def get(self, courier_id: int) -> Candidate:
        """A courier that was fetched."""
        return Candidate(*self._by_id[courier_id])

    def has_free(self) -> bool:
        """Whether a courier that was fetched is still to be had."""
        return len(self.taken) < len(self._by_id)

    def near(
        self,
        point: grid.Vector,
        ranges: Iterable[grid.Range],
        *,
        within: float,
        weight_g: float,
        suits: Callable[[Candidate], bool] | None,
    ) -> list[int]:
        """The ids of couriers in the ranges that carry the weight and suit, nearest first, lower ids before higher.

        Only those whose chord to the point (unit sphere) is at most ``within``. Chords are compared by the
        millimetre, so that rounding does not tell apart couriers at one place.
        """
        x, y, z = point
        most = within * within
        found = []
        for low, high in ranges:
            start = bisect_left(self._cells, low)
            for row in self._sorted[start : bisect_right(self._cells, high, start)]:
                dx, dy, dz = x - row[2], y - row[3], z - row[4]
                square = dx * dx + dy * dy + dz * dz
                if square <= most and row[6] >= weight_g and (suits is None or suits(Candidate(*row))):
                    found.append((int(sqrt(square) * MM), row[1]))
        found.sort()
        return [courier_id for _, courier_id in found]

    def _read(self, statement: str, parameters: Sequence[Sequence[int]]) -> None:
        """Run a query and add the rows that are new."""
        with connection.cursor() as cursor:
            cursor.execute(statement, [*(array_text(values) for values in parameters), self._now])
            new = [row for row in cursor.fetchall() if row[1] not in self._by_id]
        self._by_id.update((row[1], row) for row in new)
        self._sorted += new
        self._sorted.sort()
        self._cells = [row[0] for row in self._sorted]


def _merged(ranges: list[grid.Range]) -> list[grid.Range]:
    """Sorted ranges with overlapping and adjacent ones joined."""
    joined = [ranges[0]]
    for low, high in ranges[1:]:
        last_low, last_high = joined[-1]
        if low <= last_high + 1:
            joined[-1] = (last_low, max(last_high, high))
        else:
            joined.append((low, high))
    return joined
