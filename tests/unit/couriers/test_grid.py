from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from couriers import grid

# Where a grid of degrees would break: the poles, the antimeridian, the corners of the octants.
CORNERS = st.sampled_from([-90.0, -45.0, -1e-9, 0.0, 1e-9, 45.0, 90.0])
LATITUDES = st.floats(-90, 90) | CORNERS
LONGITUDES = st.floats(-180, 180) | st.sampled_from([-180.0, -90.0, -1e-9, 0.0, 1e-9, 90.0, 179.999999, 180.0])
POINTS = st.tuples(LATITUDES, LONGITUDES)
LEVELS = st.integers(0, grid.FINEST_LEVEL)


def chord(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.dist(grid.unit_vector(*a), grid.unit_vector(*b))


def is_within(code: int, ranges: list[tuple[int, int]]) -> bool:
    return any(low <= code <= high for low, high in ranges)


def test_the_code_interleaves_the_three_steps() -> None:
    # (1, 0, 0): the last step of x, the middle ones of y and z.
    expected = sum(1 << 3 * bit + 2 for bit in range(16)) | 1 << 3 * 15 + 1 | 1 << 3 * 15
    assert grid.cell(0, 0) == expected


@given(POINTS)
def test_codes_have_48_bits(point: tuple[float, float]) -> None:
    assert 0 <= grid.cell(*point) < 1 << 48


@given(POINTS, POINTS, LEVELS, st.floats(0, 1))
@example((90.0, 0.0), (89.9, 180.0), 8, 1.0)
@example((0.0, 180.0), (0.0, -179.9), 8, 1.0)
def test_ranges_hold_every_point_within_the_covered_chord(
    point: tuple[float, float], toward: tuple[float, float], level: int, share: float
) -> None:
    whole = grid.great_circle_km(*point, *toward)
    fraction = min(share * grid.covered_km(level) / whole, 1.0) if whole else 0.0
    other = grid.position_along(*point, *toward, fraction)
    if chord(point, other) <= grid.covered_chord(level):
        assert is_within(grid.cell(*other), grid.ranges_around(*point, level))


@given(POINTS, st.integers(1, grid.FINEST_LEVEL))
def test_ranges_are_few_sorted_and_apart(point: tuple[float, float], level: int) -> None:
    ranges = grid.ranges_around(*point, level)
    assert 1 <= len(ranges) <= 8
    assert all(low <= high for low, high in ranges)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))
    cells = sum(high - low + 1 for low, high in ranges) >> 3 * (grid.FINEST_LEVEL - level)
    assert cells <= 8


@given(POINTS, POINTS, st.integers(1, grid.FINEST_LEVEL))
def test_ranges_hold_nothing_farther_than_their_cells_reach(
    point: tuple[float, float], other: tuple[float, float], level: int
) -> None:
    if is_within(grid.cell(*other), grid.ranges_around(*point, level)):
        side = 2 / 2**level
        assert chord(point, other) <= 1.5 * side * math.sqrt(3) + 1e-9


@given(st.floats(0, grid.HALF_ROUND_KM))
def test_the_level_for_a_distance_covers_it_and_the_next_finer_does_not(distance_km: float) -> None:
    level = grid.level_covering(distance_km)
    assert grid.covered_km(level) >= distance_km
    assert level == grid.FINEST_LEVEL or grid.covered_km(level + 1) < distance_km + 1e-4


@pytest.mark.parametrize(
    ("start", "end", "km"),
    [
        # Williams' worked example: Los Angeles to New York is 0.623585 radians.
        ((33 + 57 / 60, -(118 + 24 / 60)), (40 + 38 / 60, -(73 + 47 / 60)), 0.623585 * grid.EARTH_RADIUS_KM),
        ((90.0, 12.0), (-90.0, 77.0), grid.HALF_ROUND_KM),
        ((0.0, 179.5), (0.0, -179.5), grid.HALF_ROUND_KM / 180),
        ((10.0, 20.0), (10.0, 20.0), 0.0),
    ],
)
def test_great_circle_distances(start: tuple[float, float], end: tuple[float, float], km: float) -> None:
    assert grid.great_circle_km(*start, *end) == pytest.approx(km, abs=0.01)


@given(POINTS, POINTS)
def test_chord_and_distance_are_one_another(a: tuple[float, float], b: tuple[float, float]) -> None:
    km = grid.great_circle_km(*a, *b)
    assert grid.chord_of_km(km) == pytest.approx(chord(a, b), abs=1e-9)
    if km < 19_000:
        assert grid.km_of_chord(grid.chord_of_km(km)) == pytest.approx(km, abs=1e-6)


@given(POINTS, POINTS, st.floats(0, 1))
@example((90.0, 0.0), (-90.0, 0.0), 0.5)
@example((0.0, 0.0), (0.0, 180.0), 0.25)
def test_a_position_along_divides_the_way(a: tuple[float, float], b: tuple[float, float], fraction: float) -> None:
    whole = grid.great_circle_km(*a, *b)
    position = grid.position_along(*a, *b, fraction)
    assert grid.great_circle_km(*a, *position) == pytest.approx(fraction * whole, abs=1e-4)
    assert grid.great_circle_km(*position, *b) == pytest.approx((1 - fraction) * whole, abs=1e-4)
    assert -90 <= position[0] <= 90
    assert -180 <= position[1] <= 180
