"""The available couriers round the destinations of a batch, fetched through the grid index as they are needed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from math import sqrt
from operator import attrgetter

from django.db import connection

from couriers import grid
from ops_console.state_machine import array_text

FETCH = """
SELECT c.id, c.cell, c.latitude, c.longitude, c.speed_kmh, c.payload_g
FROM unnest(%s::bigint[], %s::bigint[]) AS r (low, high)
JOIN couriers_courier c ON c.cell BETWEEN r.low AND r.high
WHERE c.status = 'available'
"""
FETCH_BY_ID = """
SELECT id, cell, latitude, longitude, speed_kmh, payload_g FROM couriers_courier
WHERE id = ANY(%s::bigint[]) AND status = 'available'
"""

# Millimetres in the Earth's radius.
MM = grid.EARTH_RADIUS_KM * 1e6


class Candidate:
    """An available courier; ``taken`` once a message of this batch has it."""

    __slots__ = ("cell", "id", "latitude", "longitude", "payload_g", "speed_kmh", "taken", "vector")

    def __init__(
        self,
        id: int,  # noqa: A002 - the column's name
        cell: int,
        latitude: float,
        longitude: float,
        speed_kmh: float,
        payload_g: float,
    ) -> None:
        self.id = id
        self.cell = cell
        self.latitude = latitude
        self.longitude = longitude
        self.speed_kmh = speed_kmh
        self.payload_g = payload_g
        self.vector = grid.unit_vector(latitude, longitude)
        self.taken = False


class CourierPool:
    """Candidates sorted by cell, so that a range of the grid is a slice of them."""

    def __init__(self) -> None:
        self._by_id: dict[int, Candidate] = {}
        self._sorted: list[Candidate] = []
        self._cells: list[int] = []
        self._fetched: set[grid.Range] = set()

    def fetch(self, ranges: Iterable[grid.Range]) -> None:
        """Read the available couriers of those ranges that were not read before: one query."""
        new = set(ranges) - self._fetched
        if not new:
            return
        self._fetched |= new
        low, high = zip(*_merged(sorted(new)), strict=True)
        self._sorted += self._read(FETCH, [list(low), list(high)])
        self._sorted.sort(key=attrgetter("cell"))
        self._cells = [candidate.cell for candidate in self._sorted]

    def fetch_by_id(self, ids: Iterable[int]) -> None:
        """Read those of the couriers that are available, wherever they are."""
        wanted = set(ids) - self._by_id.keys()
        if wanted:
            self._sorted += self._read(FETCH_BY_ID, [list(wanted)])

    def by_id(self, courier_id: int) -> Candidate | None:
        """The courier, if it was fetched and nobody has taken it."""
        candidate = self._by_id.get(courier_id)
        return candidate if candidate is not None and not candidate.taken else None

    def has_free(self) -> bool:
        """Whether a courier that was fetched is still to be had."""
        return any(not candidate.taken for candidate in self._by_id.values())

    def near(
        self,
        point: grid.Vector,
        ranges: Iterable[grid.Range],
        *,
        within: float,
        weight_g: float,
        suits: Callable[[Candidate], bool] | None,
    ) -> list[Candidate]:
        """The couriers in the ranges that carry the weight and suit, nearest first, lower ids before higher.

        Only those whose chord to the point (unit sphere) is at most ``within``. Chords are compared by the
        millimetre, so that rounding does not tell apart couriers at one place.
        """
        x, y, z = point
        most = within * within
        found = []
        for low, high in ranges:
            start = bisect_left(self._cells, low)
            for candidate in self._sorted[start : bisect_right(self._cells, high, start)]:
                cx, cy, cz = candidate.vector
                dx, dy, dz = x - cx, y - cy, z - cz
                square = dx * dx + dy * dy + dz * dz
                if square <= most and candidate.payload_g >= weight_g and (suits is None or suits(candidate)):
                    found.append((int(sqrt(square) * MM), candidate.id, candidate))
        found.sort()
        return [candidate for _, _, candidate in found]

    def _read(self, statement: str, parameters: list[list[int]]) -> list[Candidate]:
        """Run a query and return the candidates that are new."""
        with connection.cursor() as cursor:
            cursor.execute(statement, [array_text(values) for values in parameters])
            new = [Candidate(*row) for row in cursor.fetchall() if row[0] not in self._by_id]
        self._by_id.update((candidate.id, candidate) for candidate in new)
        return new


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
