"""How the database is to plan the statements of a batch."""

from __future__ import annotations

from django.db import connection


def avoid(*ways: str) -> None:
    """Let the rest of this transaction do without these ways (``seqscan``, ``hashjoin``), and without compiling.

    A batch names its rows in arrays whose length the planner only guesses, in tables that may have grown by 100,000
    rows since it last looked: it would rather read them whole, or compile a statement that is over sooner than that.
    """
    settings = ["jit", *(f"enable_{way}" for way in ways)]
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {setting} = off" for setting in settings))
