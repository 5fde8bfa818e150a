"""How the database is to plan the statements of a batch."""

from __future__ import annotations

from django.db import connection

# A batch names its rows by key, in arrays whose length the planner only guesses, in tables that grew by 100,000 rows
# since it last looked. It takes them for small, and would rather read them whole.
NOT_SO = ("seqscan", "bitmapscan", "hashjoin", "mergejoin")
BY_KEY = "; ".join(["SET LOCAL jit = off", *(f"SET LOCAL enable_{way} = off" for way in NOT_SO)])


def plan_by_key() -> None:
    """Let the rest of this transaction go from arrays to tables by their indexes only."""
    with connection.cursor() as cursor:
        cursor.execute(BY_KEY)
