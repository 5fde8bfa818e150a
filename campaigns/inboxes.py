"""Places in inboxes: a member's deliveries stand in the order in which they were committed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from ops_console.state_machine import array_text

GIVE_PLACES = """
INSERT INTO campaigns_inbox AS inbox (member_id, last_received_at)
SELECT member, %(now)s::timestamptz + (count(*) - 1) * interval '1 microsecond'
FROM unnest(%(members)s::uuid[]) AS wanted (member) GROUP BY member ORDER BY member
ON CONFLICT (member_id) DO UPDATE SET last_received_at = greatest(
    EXCLUDED.last_received_at,
    inbox.last_received_at + (EXCLUDED.last_received_at - %(now)s::timestamptz) + interval '1 microsecond')
RETURNING member_id, last_received_at
"""
# From one place to the next at least.
APART = timedelta(microseconds=1)


def give_places(members: Sequence[UUID], now: datetime) -> dict[UUID, datetime]:
    """Give each member's inbox one place behind all it has, and return them. One statement.

    Until the caller's transaction ends nobody else is given a place in these inboxes, so whoever has read up to a
    place never finds a new one before it, whatever the clock does. The inboxes are locked in the order of their ids;
    a transaction asks once. A member named n times is given n places: the one returned and those ``APART`` before it.
    """
    with connection.cursor() as cursor:
        cursor.execute(GIVE_PLACES, {"members": array_text(members), "now": now})
        return dict(cursor.fetchall())
