"""The varieties of courier: documented in ``docs/couriers.md`` with the sources of their figures."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices

# No courier is faster: above the fastest speed ever claimed for a racing pigeon, 177 km/h. Bounds every search by time.
TOP_SPEED_KMH = 180.0
# No courier carries more: what a trained pigeon was found to carry.
TOP_PAYLOAD_G = 75.0


class Variety(TextChoices):
    RACING_HOMER = "racing_homer", "Racing homer"
    CARRIER = "carrier", "English carrier"
    DRAGOON = "dragoon", "Dragoon"
    TIPPLER = "tippler", "Tippler"
    MONDAIN = "mondain", "Mondain"
    RUNT = "runt", "Giant runt"


@dataclass(frozen=True)
class Performance:
    """Cruising speed in km/h and payload in grams of a grown bird."""

    speed_kmh: float
    payload_g: float


PERFORMANCE: dict[Variety, Performance] = {
    Variety.RACING_HOMER: Performance(speed_kmh=97, payload_g=40),
    Variety.CARRIER: Performance(speed_kmh=70, payload_g=60),
    Variety.DRAGOON: Performance(speed_kmh=75, payload_g=45),
    Variety.TIPPLER: Performance(speed_kmh=65, payload_g=30),
    Variety.MONDAIN: Performance(speed_kmh=50, payload_g=75),
    Variety.RUNT: Performance(speed_kmh=48, payload_g=75),
}
