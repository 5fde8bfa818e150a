"""How the database is to plan the statements of a batch."""

from __future__ import annotations

from django.db import connection

# A batch names its rows by key or by range, in arrays whose length the planner only guesses: it would rather read whole
# tables to hash or merge them, or compile a statement that is over sooner than that.
BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"


def plan_by_index() -> None:
    """Let the rest of this transaction go from arrays to tables by their indexes only."""
    with connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
