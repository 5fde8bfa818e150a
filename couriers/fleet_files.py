"""Fleet files: CSV with a header, one courier a line, in UTF-8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import TypeVar

from django.db.models import TextChoices

from couriers.models import PGN_ID, CourierStatus
from couriers.services import FleetEntry
from couriers.varieties import PERFORMANCE, TOP_PAYLOAD_G, TOP_SPEED_KMH, Variety
from ops_console.imports.rows import BadRow, BadValue, GoodRow, read_rows
from ops_console.regions import Region

C = TypeVar("C", bound=TextChoices)

REQUIRED = ("pgnId", "variety", "region", "latitude", "longitude", "partner")
OPTIONAL = ("status", "speed_kmh", "payload_g")
# A courier is busy or rests because of a flight; a file knows of none.
FIRST_STATUSES = (CourierStatus.AVAILABLE, CourierStatus.OFFLINE)
LONGEST_PARTNER = 100


def read_fleet(lines: Iterable[str]) -> Iterator[GoodRow[FleetEntry] | BadRow]:
    """Give each row's entry, or what is wrong with it, one at a time.

    Remembers the pgnIds it has seen and nothing else.

    Raises:
        BadHeader: a column is missing, unknown or named twice.
    """
    seen: set[str] = set()

    def parse(values: Mapping[str, str]) -> FleetEntry:
        entry = _entry(values)
        if entry.pgn_id in seen:
            raise BadValue(f"pgnId {entry.pgn_id} stands on an earlier line")
        seen.add(entry.pgn_id)
        return entry

    return read_rows(lines, required=REQUIRED, optional=OPTIONAL, parse=parse)


def _entry(values: Mapping[str, str]) -> FleetEntry:
    if not PGN_ID.fullmatch(values["pgnId"]):
        raise BadValue(f"pgnId {values['pgnId']!r} is not three letters, three digits and a letter, as in CPL593H")
    variety = _choice(Variety, values, "variety", tuple(Variety))
    grown = PERFORMANCE[variety]
    return FleetEntry(
        pgn_id=values["pgnId"],
        variety=variety,
        region=_choice(Region, values, "region", tuple(Region)),
        latitude=_number(values, "latitude", -90, 90),
        longitude=_number(values, "longitude", -180, 180),
        partner=_partner(values["partner"]),
        speed_kmh=_positive(values, "speed_kmh", TOP_SPEED_KMH, default=grown.speed_kmh),
        payload_g=_positive(values, "payload_g", TOP_PAYLOAD_G, default=grown.payload_g),
        status=_choice(CourierStatus, values, "status", FIRST_STATUSES) if values.get("status") else FIRST_STATUSES[0],
    )


def _choice(kind: type[C], values: Mapping[str, str], name: str, allowed: tuple[C, ...]) -> C:
    if values[name] not in allowed:
        raise BadValue(f"{name} {values[name]!r} is none of {', '.join(allowed)}")
    return kind(values[name])


def _number(values: Mapping[str, str], name: str, least: float, most: float) -> float:
    try:
        number = float(values[name])
    except ValueError:
        number = float("nan")
    if not isfinite(number) or not least <= number <= most:
        raise BadValue(f"{name} {values[name]!r} is no number from {least:g} to {most:g}")
    return number


def _positive(values: Mapping[str, str], name: str, most: float, *, default: float) -> float:
    if not values.get(name):
        return default
    number = _number(values, name, 0, most)
    if number == 0:
        raise BadValue(f"{name} must be more than 0")
    return number


def _partner(text: str) -> str:
    # Not printable: control characters, and bytes that are no UTF-8.
    if not text or len(text) > LONGEST_PARTNER or not text.isprintable():
        raise BadValue(f"partner {text[:LONGEST_PARTNER]!r} is not 1 to {LONGEST_PARTNER} printable characters")
    return text
