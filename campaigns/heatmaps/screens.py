"""Screens by their names: looked up once a day by each process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from threading import Lock
from uuid import UUID

from django.db import connection, transaction

# Names a process remembers; beyond them it begins anew.
REMEMBERED = 50_000
# In the order of their names, so that two who know the same screens never wait for each other in a circle.
KNOW = """
INSERT INTO campaigns_screen (organization_id, name, seen_on)
SELECT %s, name, %s FROM unnest(%s::text[]) name ORDER BY name
ON CONFLICT (organization_id, name) DO UPDATE SET seen_on = greatest(campaigns_screen.seen_on, excluded.seen_on)
RETURNING name, id
"""

_lock = Lock()
_known: dict[tuple[UUID, str], int] = {}
_known_on: date | None = None


def ids_of(organization_id: UUID, names: Collection[str], today: date) -> Mapping[str, int]:
    """The screens of those names, known from today on; one query where some were not looked up today.

    Nothing is remembered of a day that is over: a screen nobody touches for long is forgotten (``storage.purge``).
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
    with connection.cursor() as cursor:
        cursor.execute(KNOW, [organization_id, today, sorted(names)])
        return dict(cursor.fetchall())


def _remember(organization_id: UUID, screens: Mapping[str, int], today: date) -> None:
    global _known_on
    with _lock:
        if _known_on != today or len(_known) + len(screens) > REMEMBERED:
            _known.clear()
            _known_on = today
        _known.update({(organization_id, name): pk for name, pk in screens.items()})
