"""The available couriers round the destinations of a batch, fetched through the grid index as they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from couriers.flight import flight_hours
from couriers.grid_arrays import (
    NO_RANGES,
    Floats,
    Ints,
    cells_around,
    chords,
    covered_chords,
    great_circle_km,
    joined,
    outside,
    slices,
    unit_vectors,
)
from ops_console.state_machine import array_text

# One value holds the bytes of all rows, numbers as PostgreSQL sends them: numpy reads it as it is.
READ = """
SELECT string_agg(int8send(c.cell) || int8send(c.id) || float8send(c.speed_kmh) || float8send(c.payload_g)
                  || float8send(c.latitude) || float8send(c.longitude), '')
FROM {couriers} AND c.status = 'available' AND (c.ready_at IS NULL OR c.ready_at <= %s)
"""
ROW = [("cell", "i8"), ("id", "i8"), ("speed_kmh", "f8"), ("payload_g", "f8"), ("latitude", "f8"), ("longitude", "f8")]
SENT = np.dtype(ROW).newbyteorder(">")
READ_RANGES = READ.format(
    couriers="unnest(%s::bigint[], %s::bigint[]) AS r (low, high)"
    " JOIN couriers_courier c ON c.cell BETWEEN r.low AND r.high"
)
READ_NAMED = READ.format(couriers="couriers_courier c WHERE c.id = ANY(%s::bigint[])")

# Pairs of a message and a courier that are weighed at once, for the memory they take.
MOST_PAIRS = 100_000
# In place of the message that has a courier: none, or one of an earlier match.
NOBODY = 1 << 62
TAKEN = -1
MM_PER_KM = 1e6


# Where seekers see more than this on average, those too far off to matter are left out before they are sorted.
CROWD = 50
# On the unit sphere: more than a millimetre, by which distances are told apart.
MM_CHORD = 1e-9


class Candidate(NamedTuple):
    """An available courier as it was read."""

    cell: int
    id: int
    speed_kmh: float
    payload_g: float
    latitude: float
    longitude: float


@dataclass(slots=True)
class Seekers:
    """Messages that seek the nearest courier, by row of these arrays.

    ``place``: in the order in which they choose. ``most_hours``: how long the flight may take. ``level``: of the grid,
    which says how far they look.
    """

    place: Ints
    point: Floats
    weight_g: Floats
    most_hours: Floats
    level: Ints

    def some(self, rows: Ints) -> Seekers:
        return Seekers(self.place[rows], self.point[rows], self.weight_g[rows], self.most_hours[rows], self.level[rows])


class Suiting(NamedTuple):
    """Pairs of a seeker's row and a courier's, each seeker's together and in order; and how many each seeker saw."""

    seeker: Ints
    courier: Ints
    n_seen: Ints


class CourierPool:
    """Couriers by row, in the order they were read; an index by cell makes each range of the grid a slice.

    A courier that another process woke after ``now`` is left to a later batch: it would leave before it arrived.
    """

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        # Rows that messages of this batch have, or that other dispatchers were quicker to take.
        self.taken: set[int] = set()
        self._couriers: NDArray[Any] = np.empty(0, dtype=ROW)
        self._points: Floats = np.empty((0, 3))
        self._by_cell: Ints = np.empty(0, dtype=np.int64)
        self._cells: Ints = self._by_cell
        # What was read.
        self._named: set[int] = set()
        self._covered = NO_RANGES

    def fetch_by_id(self, ids: Iterable[int]) -> None:
        """Read those of the couriers that are available, wherever they are."""
        wanted = set(ids) - self._named
        if wanted:
            self._named |= wanted
            self._add(self._read(READ_NAMED, list(wanted)))

    def row_of(self, courier_id: int) -> int | None:
        """The row of a courier, if it was fetched and nobody has taken it."""
        rows = np.flatnonzero(self._couriers["id"] == courier_id).tolist()
        return rows[0] if rows and rows[0] not in self.taken else None

    def by_id(self, courier_id: int) -> Candidate | None:
        """The courier of ``row_of``."""
        row = self.row_of(courier_id)
        return None if row is None else self.get([row])[0]

    def get(self, rows: Sequence[int]) -> list[Candidate]:
        return [Candidate(*courier) for courier in self._couriers[rows].tolist()]

    def has_free(self) -> bool:
        """Whether a courier that was fetched is still to be had."""
        return len(self.taken) < len(self._couriers)

    def look(self, seekers: Seekers, holders: Mapping[int, int]) -> tuple[list[memoryview], Ints]:
        """Give each message the rows it can have within the distance its level covers, and say how many it saw there.

        Nearest first; distances are compared by the millimetre, ties go to the lowest id. ``holders`` says which
        place has a row: who comes before keeps it. A list ends where those who come before could not take all that
        is on it. One query at most.
        """
        seeker, ranges = cells_around(seekers.point, seekers.level)
        gaps = outside(ranges, self._covered)
        if len(gaps.low):
            self._covered = joined(self._covered, gaps)
            self._add(self._read(READ_RANGES, gaps.low.tolist(), gaps.high.tolist()))
        start = np.searchsorted(self._cells, ranges.low)
        count = np.searchsorted(self._cells, ranges.high, side="right") - start
        holder = self._holder_by_row(holders)
        parts = [
            self._suiting(seekers, np.repeat(seeker[part], count[part]), slices(start[part], count[part]), holder)
            for part in _parts(seeker, count)
        ]
        return _lists(seekers, parts)

    def _suiting(self, seekers: Seekers, seeker: Ints, at: Ints, holder: Ints) -> Suiting:
        """Of pairs of a seeker and a place in the index keep those that suit."""
        row = self._by_cell[at]
        able = (self._couriers["payload_g"][row] >= seekers.weight_g[seeker]) & (holder[row] > seekers.place[seeker])
        seeker, row = seeker[able], row[able]
        chord = chords(seekers.point[seeker], self._points[row])
        near = chord <= covered_chords(seekers.point, seekers.level)[seeker]
        seeker, row, chord = seeker[near], row[near], chord[near]
        n_seen = np.bincount(seeker, minlength=len(seekers.place))
        if len(seeker) > CROWD * len(seekers.place):
            matters = _may_matter(seekers, seeker, chord)
            seeker, row = seeker[matters], row[matters]
        km = great_circle_km(seekers.point[seeker], self._points[row])
        hours = flight_hours(distance_km=km, speed_kmh=self._couriers["speed_kmh"][row])
        in_time = hours <= seekers.most_hours[seeker]
        seeker, row = seeker[in_time], row[in_time]
        order = np.lexsort((self._couriers["id"][row], np.rint(km[in_time] * MM_PER_KM), seeker))
        return _shortened(seekers, Suiting(seeker[order], row[order], n_seen))

    def _holder_by_row(self, holders: Mapping[int, int]) -> Ints:
        holder = np.full(len(self._couriers), NOBODY)
        holder[list(holders)] = list(holders.values())
        holder[list(self.taken)] = TAKEN
        return holder

    def _read(self, statement: str, *arrays: Sequence[int]) -> NDArray[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement, [*map(array_text, arrays), self._now])
            sent = cursor.fetchone()[0]
        return np.frombuffer(sent or b"", dtype=SENT).astype(ROW)

    def _add(self, couriers: NDArray[Any]) -> None:
        """Add those of the couriers that are new."""
        if self._named:
            couriers = couriers[~np.isin(couriers["id"], self._couriers["id"])]
        order = np.argsort(couriers["cell"])
        at = np.searchsorted(self._cells, couriers["cell"][order])
        self._cells = np.insert(self._cells, at, couriers["cell"][order])
        self._by_cell = np.insert(self._by_cell, at, len(self._couriers) + order)
        self._couriers = np.concatenate([self._couriers, couriers])
        self._points = np.concatenate([self._points, unit_vectors(couriers["latitude"], couriers["longitude"])])


def _parts(seeker: Ints, count: Ints) -> Iterator[slice]:
    """Cut ranges, sorted by their seekers, into parts with not too many couriers and no seeker in two of them."""
    before = (np.cumsum(count) - count)[np.searchsorted(seeker, seeker)]
    cuts = np.flatnonzero(np.diff(before // MOST_PAIRS)) + 1
    return map(slice, [0, *cuts.tolist()], [*cuts.tolist(), len(seeker)])


def _may_matter(seekers: Seekers, seeker: Ints, chord: Floats) -> NDArray[np.bool]:
    """Leave out who is so far off that those before a seeker could not take all who are nearer.

    Who has a timeframe keeps them all, for the nearer ones may be too slow.
    """
    matters = np.ones(len(seeker), dtype=np.bool)
    ends = np.searchsorted(seeker, np.arange(len(seekers.place) + 1)).tolist()
    for start, end, place, hours in zip(
        ends[:-1], ends[1:], seekers.place.tolist(), seekers.most_hours.tolist(), strict=True
    ):
        if hours == np.inf and end - start > place + 1:
            mine = chord[start:end]
            matters[start:end] = mine <= np.partition(mine, place)[place] + MM_CHORD
    return matters


def _shortened(seekers: Seekers, suiting: Suiting) -> Suiting:
    """End each seeker's list where those before it could not take all that is on it."""
    number = np.arange(len(suiting.seeker)) - np.searchsorted(suiting.seeker, suiting.seeker)
    kept = number <= seekers.place[suiting.seeker]
    return Suiting(suiting.seeker[kept], suiting.courier[kept], suiting.n_seen)


def _lists(seekers: Seekers, parts: Sequence[Suiting]) -> tuple[list[memoryview], Ints]:
    """Turn pairs into a list for each seeker."""
    seeker, courier = (np.concatenate([part[field] for part in parts]) for field in (0, 1))
    ends = np.searchsorted(seeker, np.arange(len(seekers.place) + 1)).tolist()
    # A view makes numbers as they are asked for, which few are where there are many.
    rows = courier.data
    n_seen = np.sum([part.n_seen for part in parts], axis=0)
    return [rows[start:end] for start, end in pairwise(ends)], n_seen
