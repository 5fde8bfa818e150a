"""What touches come to: per cell and per user. The formulas stand in docs/heatmaps.md, and as loops in its test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from campaigns.heatmaps.grid import Grid

# An entry as it is kept: the hour of its day, the kind of event, the finest cell, and how often.
ENTRY = np.dtype([("hour", "u1"), ("kind", "u1"), ("cell", ">u2"), ("n", ">u4")])
ALL_HOURS = (0, 24)
# Bytes of entries that are added up at once, but for one user's: bounds the memory it takes beside the entries.
AT_ONCE = 8_000_000
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Chunk(NamedTuple):
    """Entries of one user, one behind the other; meant are those from the first of the hours to before the second."""

    user: UUID
    entries: bytes
    hours: tuple[int, int] = ALL_HOURS


@dataclass(frozen=True)
class Counts:
    """How often each user touched each cell, for those he touched: a column each of user, cell and count."""

    users: list[UUID]
    user: Ints
    cell: Ints
    n: Ints

    @property
    def per_user(self) -> Ints:
        """How often each user touched the screen."""
        return np.bincount(self.user, self.n, len(self.users)).astype(np.int64)

    def of_user(self, user: UUID, n_cells: int) -> Ints:
        """How often the user touched each cell; never, for somebody who did not touch the screen."""
        if user not in self.users:
            return np.zeros(n_cells, np.int64)
        his = self.user == self.users.index(user)
        return np.bincount(self.cell[his], self.n[his], n_cells).astype(np.int64)


@dataclass(frozen=True)
class Cells:
    """Cells that were touched, and what is known of each over all users, those who did not touch it included."""

    cell: Ints
    # How many people touched it, and how often in all.
    n_users: Ints
    total: Ints
    median: Floats
    sigma: Floats


def count(chunks: Iterable[Chunk], grid: Grid, kinds: Sequence[int] = ()) -> Counts:
    """Add up entries of these kinds, or of all, per user and cell. The chunks of one user follow each other."""
    users: list[UUID] = []
    cells, n_cells = grid.cells(), grid.side**2
    columns = [(np.empty(0, np.int64),) * 2]
    for block in _blocks(chunks):
        user, entries = _column(block, users)
        if kinds:
            is_meant = np.isin(entries["kind"], kinds)
            user, entries = user[is_meant], entries[is_meant]
        key = user * n_cells + cells[entries["cell"]]
        columns.append(_sums(key, entries["n"].astype(np.int64)))
    key, n = (np.concatenate(column) for column in zip(*columns, strict=True))
    # Those of whom nothing was left have not touched the screen.
    touched, user = np.unique(key // n_cells, return_inverse=True)
    return Counts([users[number] for number in touched], user, key % n_cells, n)


def _column(block: Sequence[Chunk], users: list[UUID]) -> tuple[Ints, NDArray[np.void]]:
    """All entries of a block, and the number of each one's user, who is added to the users."""
    numbers = []
    for chunk in block:
        if not users or users[-1] != chunk.user:
            users.append(chunk.user)
        numbers.append(len(users) - 1)
    sizes = [len(chunk.entries) // ENTRY.itemsize for chunk in block]
    entries = np.frombuffer(b"".join(chunk.entries for chunk in block), ENTRY)
    user = np.repeat(np.array(numbers, np.int64), sizes)
    if all(chunk.hours == ALL_HOURS for chunk in block):
        return user, entries
    first, last = (np.repeat(np.array([chunk.hours[end] for chunk in block]), sizes) for end in (0, 1))
    is_meant = (entries["hour"] >= first) & (entries["hour"] < last)
    return user[is_meant], entries[is_meant]


def per_cell(counts: Counts) -> Cells:
    """Totals, medians and standard deviations. Cells nobody touched are left out: all of theirs is 0."""
    order = np.lexsort((counts.n, counts.cell))
    n = counts.n[order]
    cell, start, n_users = np.unique(counts.cell[order], return_index=True, return_counts=True)
    n_all = max(len(counts.users), 1)
    total, squares = (_sum_from(values, start) for values in (n, n * n))
    # Over whole numbers, so that what does not vary has a deviation of 0, and not nearly 0. As objects: squares of
    # squares pass 64 bits.
    spread = n_all * squares.astype(object) - total.astype(object) ** 2
    return Cells(
        cell=cell,
        n_users=n_users,
        total=total,
        median=_medians(n, start, n_users, n_all),
        sigma=np.sqrt(spread.astype(np.float64)) / n_all,
    )


def _medians(n: Ints, start: Ints, n_users: Ints, n_all: int) -> Floats:
    """Of each cell's counts, which are in order, behind as many zeros as there are users without one."""
    n_zeros = n_all - n_users

    def at(place: int) -> Ints:
        behind = np.maximum(place - n_zeros, 0)
        return np.where(place < n_zeros, 0, n[np.minimum(start + behind, len(n) - 1)]) if len(n) else n

    return (at((n_all - 1) // 2) + at(n_all // 2)) / 2


def _blocks(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Some users' chunks at a time, so that no two blocks share a user."""
    block: list[Chunk] = []
    size = 0
    for chunk in chunks:
        if size > AT_ONCE and chunk.user != block[-1].user:
            yield block
            block, size = [], 0
        block.append(chunk)
        size += len(chunk.entries)
    if block:
        yield block


def _sums(key: Ints, n: Ints) -> tuple[Ints, Ints]:
    """The keys, each once and in order, and the sum of what belongs to each."""
    order = np.argsort(key)
    key = key[order]
    start = np.flatnonzero(np.diff(key, prepend=-1))
    return key[start], _sum_from(n[order], start)


def _sum_from(values: Ints, start: Ints) -> Ints:
    """The sums of the values from each start to the next."""
    return np.add.reduceat(values, start) if len(start) else np.empty(0, np.int64)
