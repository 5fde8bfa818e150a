"""A grid on the sphere that an ordinary B-tree can search, and the great-circle arithmetic that goes with it.

A point on Earth is a point on the unit sphere; the cube [-1, 1]^3 around the sphere is cut into 2^16 steps an axis. A
cell's code is the Morton (Z-order) code of its three steps: 48 bits, and the cells inside a coarser cell have adjacent
codes, so one index serves every level. In three dimensions poles and the antimeridian are places like any other.
``couriers.grid_arrays`` has the same rules for many points at once.

Sources: G. M. Morton, "A Computer Oriented Geodetic Data Base" (IBM, 1966), for the code; E. Williams, "Aviation
Formulary", and Wikipedia, "Great-circle distance", for the formulas on the sphere.
"""

from __future__ import annotations

from math import asin, atan2, cos, degrees, floor, hypot, log2, pi, radians, sin, sqrt

# The mean radius R1 of the Earth (IUGG; H. Moritz, "Geodetic Reference System 1980").
EARTH_RADIUS_KM = 6371.0088
HALF_ROUND_KM = pi * EARTH_RADIUS_KM

FINEST_LEVEL = 16
_HALF_STEPS = 1 << FINEST_LEVEL - 1
_LAST_STEP = (1 << FINEST_LEVEL) - 1
# Rounding may put a point of the sphere this far off it; squared distances are compared with it to spare.
ROUNDING = 1e-9

Vector = tuple[float, float, float]
Range = tuple[int, int]


def _spread_byte(byte: int) -> int:
    return sum((byte >> bit & 1) << 3 * bit for bit in range(8))


SPREAD_BYTES = tuple(_spread_byte(byte) for byte in range(256))


def _spread(step: int) -> int:
    """Put two zero bits before each of the 16 bits."""
    return SPREAD_BYTES[step >> 8] << 24 | SPREAD_BYTES[step & 255]


def unit_vector(latitude: float, longitude: float) -> Vector:
    """Give the point of the unit sphere at these degrees north and east."""
    phi, lam = radians(latitude), radians(longitude)
    across = cos(phi)
    return across * cos(lam), across * sin(lam), sin(phi)


def cell(latitude: float, longitude: float) -> int:
    """Give the code of the finest cell that holds the point: 48 bits."""
    x, y, z = unit_vector(latitude, longitude)
    return (
        _spread(min(int((x + 1.0) * _HALF_STEPS), _LAST_STEP)) << 2
        | _spread(min(int((y + 1.0) * _HALF_STEPS), _LAST_STEP)) << 1
        | _spread(min(int((z + 1.0) * _HALF_STEPS), _LAST_STEP))
    )


def covered_chord(level: int) -> float:
    """Give the chord (unit sphere) round a point within which ``ranges_around`` misses nothing.

    Level 0 is all of it.
    """
    return 1.0 / (1 << level) if level else 2.0


def covered_km(level: int) -> float:
    """Give ``covered_chord`` as a distance along the ground."""
    return km_of_chord(covered_chord(level))


def level_covering(distance_km: float) -> int:
    """Give the finest level whose ranges hold every point within the distance, with room for rounding errors."""
    chord = chord_of_km(distance_km) * (1.0 + ROUNDING) + ROUNDING
    return max(0, min(FINEST_LEVEL, floor(-log2(chord))))


def _axis(coordinate: float, level: int) -> list[tuple[int, float, float]]:
    """Give the one or two slabs nearest to the coordinate: spread step, nearest and farthest squared distance to 0."""
    scaled = (coordinate + 1.0) * (1 << level) * 0.5
    last = (1 << level) - 1
    step = min(int(scaled), last)
    other = step + 1 if scaled - step >= 0.5 else step - 1
    side = 2.0 / (1 << level)
    slabs = []
    for index in (step, other):
        if 0 <= index <= last:
            low = (index * side - 1.0) ** 2
            high = ((index + 1) * side - 1.0) ** 2
            slabs.append((_spread(index), low, high) if low < high else (_spread(index), high, low))
    return slabs


def ranges_around(latitude: float, longitude: float, level: int) -> list[Range]:
    """Give the inclusive code ranges of the cells at a level that lie nearest round the point, in order.

    They are at most 2 x 2 x 2 cells, less those that miss the sphere. Every point within ``covered_chord(level)`` is
    inside, and so are some farther off.
    """
    if level <= 0:
        return [(0, (1 << 3 * FINEST_LEVEL) - 1)]
    x, y, z = unit_vector(latitude, longitude)
    ys, zs = _axis(y, level), _axis(z, level)
    codes = [
        cx << 2 | cy << 1 | cz
        for cx, near_x, far_x in _axis(x, level)
        for cy, near_y, far_y in ys
        for cz, near_z, far_z in zs
        if near_x + near_y + near_z <= 1.0 + ROUNDING and far_x + far_y + far_z >= 1.0 - ROUNDING
    ]
    codes.sort()
    return _merged(codes, 3 * (FINEST_LEVEL - level))


def _merged(codes: list[int], shift: int) -> list[Range]:
    """Turn sorted codes of a level into ranges of finest codes, adjacent ones in one."""
    ranges = []
    first = last = codes[0]
    for code in codes[1:]:
        if code != last + 1:
            ranges.append((first << shift, (last + 1 << shift) - 1))
            first = code
        last = code
    ranges.append((first << shift, (last + 1 << shift) - 1))
    return ranges


def great_circle_km(latitude1: float, longitude1: float, latitude2: float, longitude2: float) -> float:
    """Give the shortest way along the ground.

    Vincenty's formula for a sphere, which is exact to the rounding error at every distance (haversines lose half of
    their digits near the antipode).
    """
    phi1, phi2, delta = radians(latitude1), radians(latitude2), radians(longitude2 - longitude1)
    sin1, cos1, sin2, cos2 = sin(phi1), cos(phi1), sin(phi2), cos(phi2)
    cos_delta = cos(delta)
    across = hypot(cos2 * sin(delta), cos1 * sin2 - sin1 * cos2 * cos_delta)
    return EARTH_RADIUS_KM * atan2(across, sin1 * sin2 + cos1 * cos2 * cos_delta)


def chord_of_km(distance_km: float) -> float:
    """Give the straight line (unit sphere) under a way along the ground."""
    return 2.0 * sin(min(distance_km / EARTH_RADIUS_KM, pi) / 2.0)


def km_of_chord(chord: float) -> float:
    """Give the way along the ground over a straight line (unit sphere)."""
    return 2.0 * EARTH_RADIUS_KM * asin(min(chord / 2.0, 1.0))


def position_along(
    latitude1: float, longitude1: float, latitude2: float, longitude2: float, fraction: float
) -> tuple[float, float]:
    """Give the point (degrees north, east) at a fraction of the great circle from the first to the second.

    Between antipodes every way is a great circle: it goes over the north pole, or from a pole along the meridian 0.
    """
    start = unit_vector(latitude1, longitude1)
    tangent = _tangent(start, unit_vector(latitude2, longitude2))
    angle = fraction * great_circle_km(latitude1, longitude1, latitude2, longitude2) / EARTH_RADIUS_KM
    x, y, z = (a * cos(angle) + t * sin(angle) for a, t in zip(start, tangent, strict=True))
    return degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x))


def _tangent(start: Vector, end: Vector) -> Vector:
    """Give the unit vector at ``start`` that points along the great circle to ``end``."""
    for target in (end, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)):
        tangent = _cross(_cross(start, target), start)
        length = sqrt(sum(part * part for part in tangent))
        if length > ROUNDING:
            return tangent[0] / length, tangent[1] / length, tangent[2] / length
    raise AssertionError("a unit vector is parallel to neither the axis nor the equator's first point")


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
