"""Many points at once are treated as each of them alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from couriers import grid, grid_arrays
from couriers.grid_arrays import Ranges
from tests.unit.couriers.test_grid import LEVELS, POINTS, is_within

Point = tuple[float, float]
SEARCHES = st.lists(st.tuples(POINTS, LEVELS), min_size=1, max_size=20)


def vectors(points: Sequence[Point]) -> grid_arrays.Floats:
    """The points as the functions for one point place them, so that both round alike."""
    return np.array([grid.unit_vector(*point) for point in points])


def ranges_of(pairs: list[tuple[int, int]]) -> Ranges:
    return Ranges(*np.array(pairs, dtype=np.int64).reshape(-1, 2).T)


def pairs_of(ranges: Ranges) -> list[tuple[int, int]]:
    return list(zip(ranges.low.tolist(), ranges.high.tolist(), strict=True))


@given(st.lists(POINTS, min_size=1))
def test_places_on_the_sphere(points: list[Point]) -> None:
    assert grid_arrays.unit_vectors(*zip(*points, strict=True)) == pytest.approx(vectors(points), abs=1e-15)


@given(st.lists(POINTS, min_size=1))
def test_cells(points: list[Point]) -> None:
    assert grid_arrays.cells(vectors(points)).tolist() == [grid.cell(*point) for point in points]


@given(st.lists(st.tuples(POINTS, POINTS), min_size=1))
@example([((90.0, 0.0), (-90.0, 0.0)), ((0.0, 0.0), (0.0, 180.0)), ((1.0, 2.0), (1.0, 2.0))])
def test_great_circles(ways: list[tuple[Point, Point]]) -> None:
    starts, ends = zip(*ways, strict=True)
    km = grid_arrays.great_circle_km(vectors(starts), vectors(ends))
    assert km == pytest.approx([grid.great_circle_km(*start, *end) for start, end in ways], abs=1e-7)


@given(SEARCHES)
def test_cells_around(searches: list[tuple[Point, int]]) -> None:
    points, levels = zip(*searches, strict=True)
    rows, ranges = grid_arrays.cells_around(vectors(points), np.array(levels))
    for row, (point, level) in enumerate(searches):
        mine = Ranges(ranges.low[rows == row], ranges.high[rows == row])
        assert pairs_of(grid_arrays.outside(mine, grid_arrays.NO_RANGES)) == grid.ranges_around(*point, level)


@given(POINTS, LEVELS)
def test_the_covered_chord_is_no_less_than_the_levels(point: Point, level: int) -> None:
    (chord,) = grid_arrays.covered_chords(vectors([point]), np.array([level])).tolist()
    assert chord >= grid.covered_chord(level) * (1 - 2e-9)
    assert chord == math.inf if level == 0 else chord <= 2 * grid.covered_chord(level)


@given(POINTS, POINTS, LEVELS, st.floats(0, 1))
@example((0.0, 0.0), (0.0, 90.0), 3, 1.0)
@example((90.0, 0.0), (0.0, 0.0), 8, 1.0)
def test_ranges_hold_every_point_within_the_covered_chord(
    point: Point, toward: Point, level: int, share: float
) -> None:
    (covered,) = grid_arrays.covered_chords(vectors([point]), np.array([level])).tolist()
    whole = grid.great_circle_km(*point, *toward)
    fraction = min(share * grid.km_of_chord(min(covered, 2.0)) / whole, 1.0) if whole else 0.0
    other = grid.position_along(*point, *toward, fraction)
    if math.dist(grid.unit_vector(*point), grid.unit_vector(*other)) <= covered:
        assert is_within(grid.cell(*other), grid.ranges_around(*point, level))


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda at: (at[0], at[0] + at[1])), max_size=8)


def codes_of(pairs: list[tuple[int, int]]) -> set[int]:
    return {code for low, high in pairs for code in range(low, high + 1)}


@given(SPANS, SPANS)
def test_outside_is_what_is_wanted_and_not_covered(wanted: Any, spans: Any) -> None:
    covered = grid_arrays.outside(ranges_of(spans), grid_arrays.NO_RANGES)
    gaps = grid_arrays.outside(ranges_of(wanted), covered)
    assert codes_of(pairs_of(gaps)) == codes_of(wanted) - codes_of(spans)
    assert (gaps.low[1:] > gaps.high[:-1] + 1).all()
    both = pairs_of(grid_arrays.joined(covered, gaps))
    assert both == sorted(both)
    assert codes_of(both) == codes_of(wanted) | codes_of(spans)


def test_slices_one_after_the_other() -> None:
    assert grid_arrays.slices(np.array([5, 0, 7]), np.array([2, 0, 3])).tolist() == [5, 6, 7, 8, 9]
