"""``couriers.grid`` for many points at once: the same rules over numpy arrays. A test holds the two equal.

Points are rows (x, y, z) of the unit sphere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from couriers.grid import EARTH_RADIUS_KM, FINEST_LEVEL, ROUNDING, SPREAD_BYTES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SPREAD_BYTES = np.array(SPREAD_BYTES)
# The bits of x stand before those of y, those of y before those of z.
_PLACES = np.array([[2], [1], [0]])


class Ranges(NamedTuple):
    """Inclusive ranges of finest codes."""

    low: Ints
    high: Ints


NO_RANGES = Ranges(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def unit_vectors(latitudes: Sequence[float] | Floats, longitudes: Sequence[float] | Floats) -> Floats:
    """Give the points at these degrees north and east."""
    phi, lam = np.radians(latitudes), np.radians(longitudes)
    across = np.cos(phi)
    return np.stack([across * np.cos(lam), across * np.sin(lam), np.sin(phi)], axis=1)


def great_circle_km(a: Floats, b: Floats) -> Floats:
    """Give the shortest ways along the ground between points in pairs.

    W. Kahan's formula for the angle between two vectors, which is exact to the rounding error at every distance.
    """
    return 2.0 * EARTH_RADIUS_KM * np.arctan2(_lengths(a - b), _lengths(a + b))


def chords(a: Floats, b: Floats) -> Floats:
    """Give the straight lines between points in pairs."""
    return _lengths(a - b)


def covered_chords(points: Floats, levels: Ints) -> Floats:
    """Give the chord round each point within which its ``cells_around`` miss nothing; level 0 has no limit.

    At least ``grid.covered_chord``, less a hair, so that no rounding error puts a point within beyond the cells.
    """
    scaled, step = _steps(points, levels[:, None])
    past = scaled - step
    sides = np.maximum(past, 1.0 - past).min(axis=1) * (1.0 - ROUNDING)
    return np.where(levels > 0, np.ldexp(2.0 * sides, -levels), np.inf)


def cells(points: Floats) -> Ints:
    """Give the code of the finest cell that holds each point."""
    _, steps = _steps(points, np.array([[FINEST_LEVEL]]))
    codes: Ints = (_spread(steps[:, :, None]) << _PLACES).sum(axis=(1, 2))
    return codes


def cells_around(points: Floats, levels: Ints) -> tuple[Ints, Ranges]:
    """Give the cells that lie nearest round each point, at its level: rows of points, and what codes each cell holds.

    They are those of ``grid.ranges_around``, in no order, adjacent ones not joined.
    """
    levels = levels[:, None]
    scaled, step = _steps(points, levels)
    steps = np.stack([step, step + np.where(scaled - step >= 0.5, 1, -1)], axis=2)
    side = np.ldexp(2.0, -levels)[:, :, None]
    ends = np.square(steps * side - 1.0), np.square((steps + 1) * side - 1.0)
    # The only slab of level 0 reaches over both sides of the middle.
    nearest, farthest = np.where(side == 2.0, 0.0, np.minimum(*ends)), np.maximum(*ends)
    is_there = (steps >= 0) & (steps < np.left_shift(1, levels)[:, :, None])
    is_cell = (
        (_corners(is_there.astype(np.int64)) == 3)
        & (_corners(nearest) <= 1.0 + ROUNDING)
        & (_corners(farthest) >= 1.0 - ROUNDING)
    )
    rows = np.nonzero(is_cell)[0]
    codes = _corners(_spread(np.where(is_there, steps, 0)) << _PLACES)[is_cell]
    shift = 3 * (FINEST_LEVEL - levels[rows, 0])
    return rows, Ranges(codes << shift, (codes + 1 << shift) - 1)


def outside(wanted: Ranges, covered: Ranges) -> Ranges:
    """Give what of the wanted ranges lies in none of the covered: apart from each other, in order.

    The covered are in order, and no two of them overlap.
    """
    covered = _touching(covered, wanted)
    n_wanted, n_covered = len(wanted.low), len(covered.low)
    at = np.concatenate([wanted.low, wanted.high + 1, covered.low, covered.high + 1])
    # Summed up along the codes: above zero within what is wanted, never within what is covered.
    steps = np.repeat([1, -1, -1 - n_wanted, 1 + n_wanted], [n_wanted, n_wanted, n_covered, n_covered])
    order = np.argsort(at)
    at, depth = at[order], np.cumsum(steps[order])
    is_last = np.diff(at, append=-1) != 0
    at, is_in = at[is_last], depth[is_last] > 0
    turns = at[np.diff(is_in, prepend=False)]
    return Ranges(turns[::2], turns[1::2] - 1)


def joined(ranges: Ranges, more: Ranges) -> Ranges:
    """Give all ranges in order. Those of each are in order, and none overlap."""
    at = np.searchsorted(ranges.low, more.low)
    return Ranges(np.insert(ranges.low, at, more.low), np.insert(ranges.high, at, more.high))


def slices(start: Ints, count: Ints) -> Ints:
    """Give the indices that slices pick, one slice after the other."""
    before = np.cumsum(count) - count
    return np.repeat(start - before, count) + np.arange(count.sum())


def _touching(ranges: Ranges, others: Ranges) -> Ranges:
    """Give those of the ranges that have codes in common with any of the others."""
    start = np.searchsorted(ranges.high, others.low)
    stop = np.searchsorted(ranges.low, others.high, side="right")
    is_touched = np.zeros(len(ranges.low), dtype=np.bool)
    is_touched[slices(start, stop - start)] = True
    return Ranges(ranges.low[is_touched], ranges.high[is_touched])


def _steps(points: Floats, levels: Ints) -> tuple[Floats, Ints]:
    """Give how far along each axis the points lie, in steps of the level, and the step they lie in."""
    scaled = (points + 1.0) * np.ldexp(0.5, levels)
    return scaled, np.minimum(scaled.astype(np.int64), np.left_shift(1, levels) - 1)


def _spread(steps: Ints) -> Ints:
    spread: Ints = _SPREAD_BYTES[steps >> 8] << 24 | _SPREAD_BYTES[steps & 255]
    return spread


def _corners(of_axes: NDArray[Any]) -> NDArray[Any]:
    """Add up each choice of one of two values for x, y and z: (n, 3, 2) to (n, 2, 2, 2)."""
    x, y, z = of_axes[:, 0], of_axes[:, 1], of_axes[:, 2]
    sums: NDArray[Any] = x[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :]
    return sums


def _lengths(vectors: Floats) -> Floats:
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return lengths
