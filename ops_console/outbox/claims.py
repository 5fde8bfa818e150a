"""Claiming webhooks by a lease: the SQL that chooses fairly, and the lock by which one run at a time chooses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from ops_console.outbox import retries

QUERIES = Path(__file__).with_name("queries")
CLAIM = (QUERIES / "claim.sql").read_text()
REST_HOST = (QUERIES / "rest_host.sql").read_text()

# Calls to one host under way at once.
PER_HOST = 4
# Well past the longest call, so that a living worker always records within it.
LEASE = timedelta(seconds=60)
# Any number no other advisory lock has.
RUN_LOCK = 0x6F7574626F78


@dataclass(frozen=True)
class Claimed:
    """What a call needs of a webhook."""

    id: UUID
    organization_id: UUID
    url: str
    event: str
    created_at: datetime
    # JSON text.
    payload: str
    # Sealed.
    headers: bytes | None = None


def claim(*, worker: str, free: int, now: datetime) -> list[Claimed]:
    """Lease up to ``free`` webhooks that are due, fairly by host; two workers never get the same one. One query.

    Its own transaction, committed when it returns: it refuses to run inside another.
    """
    values: dict[str, Any] = {"free": free, "per_host": PER_HOST, "worker": worker, "now": now, "until": now + LEASE}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        return [Claimed(*row) for row in cursor.fetchall()]


def rest_host(*, host: str, now: datetime) -> None:
    """Leave a silent host alone for a while."""
    values: dict[str, Any] = {
        "host": host,
        "now": now,
        "first_s": retries.FIRST_REST_S,
        "longest_s": retries.LONGEST_REST_S,
    }
    with connection.cursor() as cursor:
        cursor.execute(REST_HOST, values)


@contextmanager
def only_run() -> Iterator[bool]:
    """Tell whether this is the only run that claims now, and stay so until the end of the block.

    Saves workers, proves nothing: leases keep two runs apart. A worker that dies lets go of it with its connection.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [RUN_LOCK])
        (is_mine,) = cursor.fetchone()
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [RUN_LOCK])
