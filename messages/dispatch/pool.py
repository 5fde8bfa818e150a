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
        # Disjoint ranges, sorted: all that was read.
        self._covered: list[grid.Range] = []

    def fetch(self, ranges: Iterable[grid.Range]) -> None:
        """Read the available couriers of those ranges that were not read before: one query."""
        wanted = _merged(sorted(set(ranges)))
        gaps = _without(wanted, self._covered)
        if gaps:
            self._covered = _merged(sorted(self._covered + gaps))
            low, high = zip(*gaps, strict=True)
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
        """The ids of free couriers in the ranges that carry the weight and suit, nearest first, then by id.

        Only those whose chord to the point (unit sphere) is at most ``within``. Chords are compared by the
        millimetre, so that rounding does not tell apart couriers at one place.
        """
        x, y, z = point
        least_cosine = 1.0 - within * within / 2 - 1e-12
        taken, found = self.taken, []
        for low, high in ranges:
            start = bisect_left(self._cells, low)
            for row in self._sorted[start : bisect_right(self._cells, high, start)]:
                _, courier_id, cx, cy, cz, _, payload_g, _, _ = row
                # The cosine is quick and rules most out; near the point only the chord is exact.
                if x * cx + y * cy + z * cz < least_cosine or courier_id in taken or payload_g < weight_g:
                    continue
                chord = sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2)
                if chord <= within and (suits is None or suits(Candidate(*row))):
                    found.append((int(chord * MM), courier_id))
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
    joined: list[grid.Range] = []
    low, high = -1, -2
    for next_low, next_high in ranges:
        if next_low > high + 1:
            if high >= low:
                joined.append((low, high))
            low, high = next_low, next_high
        elif next_high > high:
            high = next_high
    if high >= low:
        joined.append((low, high))
    return joined


def _without(ranges: list[grid.Range], covered: list[grid.Range]) -> list[grid.Range]:
    """What of sorted disjoint ranges lies outside others of the kind."""
    gaps = []
    for low, high in ranges:
        at = bisect_left(covered, (low, -1))
        if at and covered[at - 1][1] >= low:
            at -= 1
        start = low
        while at < len(covered) and covered[at][0] <= high and start <= high:
            if covered[at][0] > start:
                gaps.append((start, covered[at][0] - 1))
            start = max(start, covered[at][1] + 1)
            at += 1
        if start <= high:
            gaps.append((start, high))
    return gaps
