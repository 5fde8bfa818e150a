"""Proving that the ledger is right: everything kept can be computed again from the postings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from django.db import connection

QUERIES = Path(__file__).parent / "queries"
CHECKS = [(QUERIES / f"reconcile_{name}.sql").read_text() for name in ("accounts", "entries", "charges", "total")]


@dataclass(frozen=True)
class Difference:
    """In US dollars; None where there is nothing at all."""

    what: str
    expected: Decimal
    found: Decimal | None

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, found {'nothing' if self.found is None else self.found}"


def reconcile() -> Iterator[Difference]:
    """Yield what does not agree, streamed from the database.

    Balances against postings, entries against zero, charges against what was booked and refunded for them, and the sum
    of everything. Each check reads its tables once, in one snapshot, so it may run beside the live system.
    """
    for check in CHECKS:
        with connection.chunked_cursor() as cursor:
            cursor.execute(check)
            for what, expected, found in cursor:
                yield Difference(what, expected, found)
