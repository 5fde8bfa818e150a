"""The fleet of the demo: the same couriers every time, some in every region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import accumulate, islice
from math import cos, radians
from random import Random

from couriers.models import CourierStatus, Place
from couriers.services import FleetEntry, load_fleet
from couriers.varieties import PERFORMANCE, Variety
from ops_console.access.actors import Actor
from ops_console.regions import Region

FLEET_SIZE = 2400
BATCH = 1000
# The document's courier.
EXAMPLE = "CPL593H"
HOME = Region.US_SW
# Everybody else's share; the rest of the fleet lives at home.
PER_REGION = 60
CITIES_PER_REGION = 12
# At home couriers live in New Mexico only: so a message from Santa Fe to Phoenix leaves at once, and is seen to fly.
HOME_STATE = "NM"
# Couriers live in lofts within this many kilometres of their city.
LOFT_KM = 5.0
KM_PER_DEGREE = 111.2
# How many of each, in proportion.
VARIETIES = {
    Variety.RACING_HOMER: 8,
    Variety.CARRIER: 3,
    Variety.DRAGOON: 3,
    Variety.TIPPLER: 2,
    Variety.MONDAIN: 3,
    Variety.RUNT: 1,
}
# One in so many is ill.
OFFLINE_EVERY = 60
OWNERS = ("Lofts", "Pigeon Post", "Homing Society")


def create_demo_fleet(*, now: datetime, n: int = FLEET_SIZE) -> int:
    """Load the fleet, which needs the places; return how many couriers are new. Twice changes nothing."""
    entries = demo_fleet(n)
    n_added = 0
    while batch := list(islice(entries, BATCH)):
        n_added += load_fleet(entries=batch, actor=Actor.command("loaddemo"), now=now).n_added
    return n_added


def demo_fleet(n: int = FLEET_SIZE) -> Iterator[FleetEntry]:
    """Give the couriers one by one: the larger a city, the more of them."""
    # A fixed seed: the same fleet every time.
    random = Random(593)  # noqa: S311
    names = _names(random)
    sizes = dict.fromkeys(Region, PER_REGION)
    sizes[HOME] = n - 1 - PER_REGION * (len(Region) - 1)
    for region, size in sizes.items():
        cities = _cities(region)
        shares = list(accumulate(1 / rank for rank in range(1, len(cities) + 1)))
        for number in range(size):
            city = random.choices(cities, cum_weights=shares)[0]
            variety = random.choices(list(VARIETIES), weights=list(VARIETIES.values()))[0]
            entry = _courier(next(names), region, city, random, variety)
            yield replace(entry, status=CourierStatus.OFFLINE) if number % OFFLINE_EVERY == OFFLINE_EVERY - 1 else entry
    home = _cities(HOME)[0]
    yield _courier(EXAMPLE, HOME, home, random, Variety.MONDAIN)


def _cities(region: Region) -> list[Place]:
    """Give the region's cities, the ones with most couriers first; at home that is Santa Fe."""
    places = Place.objects.filter(region=region).order_by("-population", "id")
    if region is not HOME:
        return list(places[:CITIES_PER_REGION])
    cities = list(places.filter(admin1=HOME_STATE)[:CITIES_PER_REGION])
    return sorted(cities, key=lambda place: place.name != "Santa Fe")


def _courier(pgn_id: str, region: Region, city: Place, random: Random, variety: Variety) -> FleetEntry:
    grown = PERFORMANCE[variety]
    north = random.uniform(-LOFT_KM, LOFT_KM) / KM_PER_DEGREE
    east = random.uniform(-LOFT_KM, LOFT_KM) / KM_PER_DEGREE
    # At the pole itself a loft is at the pole.
    latitude = max(-90.0, min(city.latitude + north, 90.0))
    longitude = city.longitude + east / max(cos(radians(latitude)), 0.01)
    return FleetEntry(
        pgn_id=pgn_id,
        variety=variety,
        region=region,
        latitude=round(latitude, 5),
        longitude=round((longitude + 180) % 360 - 180, 5),
        partner=f"{city.name} {random.choice(OWNERS)}",
        speed_kmh=grown.speed_kmh,
        payload_g=grown.payload_g,
    )


def _names(random: Random) -> Iterator[str]:
    """Give pgnIds, none twice and never the example's."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    used = {EXAMPLE}
    while True:
        name = "".join(random.choices(letters, k=3)) + f"{random.randrange(1000):03d}" + random.choice(letters)
        if name not in used:
            used.add(name)
            yield name
