"""Screens by their names: looked up once a day by each process, and no more than an organization may have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Any
from uuid import UUID

from django.db import connection, transaction

# Of an organization, beside those of its own campaigns' messages.
MOST_NAMES = 1000
# Of a campaign's screen: this with its id behind it.
CAMPAIGN_SCREEN = "MessageDetail"
CAMPAIGN_PREFIX = f"{CAMPAIGN_SCREEN}::"
# Names a process remembers; beyond them it begins anew.
REMEMBERED = 50_000
# In the order of their names, so that two who know the same screens never wait for each other in a circle.
KNOW = """
INSERT INTO campaigns_screen (organization_id, name, seen_on)
SELECT %s, name, %s FROM unnest(%s::text[]) name ORDER BY name
ON CONFLICT (organization_id, name) DO UPDATE SET seen_on = greatest(campaigns_screen.seen_on, excluded.seen_on)
RETURNING name, id, xmax = 0 AS is_new
"""
# Of the names that count, those beyond what there is room for; the new ones come last.
SURPLUS = f"""
SELECT name FROM campaigns_screen s WHERE organization_id = %s AND NOT EXISTS (
    SELECT FROM campaigns_campaign c WHERE c.organization_id = s.organization_id AND c.id =
        CASE WHEN s.name ~ '^{CAMPAIGN_PREFIX}[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
            THEN substr(s.name, {len(CAMPAIGN_PREFIX) + 1})::uuid END
)
ORDER BY name = ANY(%s), id OFFSET %s
"""  # noqa: S608 - a name of ours

_lock = Lock()
_known: dict[tuple[UUID, str], int] = {}
_known_on: date | None = None


class NoRoom(Exception):
    """The organization has as many screens as it may, without those of these names."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(f"There is no room for {len(names)} names.")
        self.names = names

    @property
    def message(self) -> str:
        return f"{MOST_NAMES:,} screens have other names already: that is the most."


def ids_of(organization_id: UUID, names: Collection[str], today: date) -> Mapping[str, int]:
    """The screens of those names, known from today on; one query where some were not looked up today.

    Nothing is remembered of a day that is over: a screen nobody touches for long is forgotten (``storage.purge``).

    Raises:
        NoRoom: for some of the names; none of them is kept.
    """
    with _lock:
        known = {name: _known.get((organization_id, name)) for name in names} if _known_on == today else {}
    found = {name: pk for name, pk in known.items() if pk is not None}
    missing = [name for name in names if name not in found]
    if missing:
        looked_up = _look_up(organization_id, missing, today)
        # What is rolled back is not there to be remembered.
        transaction.on_commit(lambda: _remember(organization_id, looked_up, today))
        found |= looked_up
    return found


def _look_up(organization_id: UUID, names: Collection[str], today: date) -> dict[str, int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(KNOW, [organization_id, today, sorted(names)])
        found = cursor.fetchall()
        if new := [name for name, _, is_new in found if is_new]:
            _refuse_surplus(cursor, organization_id, new)
    return {name: pk for name, pk, _ in found}


def _refuse_surplus(cursor: Any, organization_id: UUID, new: Sequence[str]) -> None:
    # Those that bring new names follow each other, so that they see each other's.
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(organization_id.bytes[8:], signed=True)])
    cursor.execute(SURPLUS, [organization_id, new, MOST_NAMES])
    if surplus := {name for (name,) in cursor.fetchall()}.intersection(new):
        raise NoRoom(surplus)


def _remember(organization_id: UUID, screens: Mapping[str, int], today: date) -> None:
    global _known_on
    with _lock:
        if _known_on != today or len(_known) + len(screens) > REMEMBERED:
            _known.clear()
            _known_on = today
        _known.update({(organization_id, name): pk for name, pk in screens.items()})
