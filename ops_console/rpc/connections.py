"""Database connections outside Django's request cycle, which would give them back."""

from __future__ import annotations

from django.db import connections


def release() -> None:
    """Give this thread's connections back to the pool, so that others get them and dead ones are replaced.

    Those inside an atomic block stay; that is a test's.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
