"""Waiting for what happens in other processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection

SLEEPING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND query LIKE '%%pg_sleep(%%' AND pid <> pg_backend_pid()
"""


def n_sleeping() -> int:
    """How many statements sleep in the database."""
    with connection.cursor() as cursor:
        cursor.execute(SLEEPING, [])
        row = cursor.fetchone()
    assert row
    return int(row[0])


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
