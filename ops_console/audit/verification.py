"""Proving that no audit entry was changed or removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from ops_console.audit.canonical import GENESIS, entry_hash

WALK = (Path(__file__).parent / "queries" / "walk_chains.sql").read_text()
ROWS_AT_ONCE = 2000


class Row(NamedTuple):
    """A line of ``walk_chains.sql``; the entry's part is None on a chain without entries."""

    key: str
    length: int | None
    head: bytes | None
    position: int | None
    at: datetime
    actor: str
    person_id: UUID | None
    action: str
    target_type: str
    target_id: str
    before: str
    after: str
    reason: str
    address: str | None
    hash: bytes


@dataclass
class Summary:
    """What a walk has seen so far."""

    n_chains: int = 0
    n_entries: int = 0


def problems(summary: Summary) -> Iterator[str]:
    """Yield a sentence per fault while walking every chain, in constant memory; ``summary`` counts along."""
    for _, rows in groupby(walk(), key=lambda row: row.key):
        summary.n_chains += 1
        yield from chain_problems(rows, summary)


def walk() -> Iterator[Row]:
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(WALK)
        while batch := cursor.fetchmany(ROWS_AT_ONCE):
            yield from map(Row._make, batch)


def chain_problems(rows: Iterator[Row], summary: Summary) -> Iterator[str]:
    """Compare one chain's entries with each other, then the last with the chain's row."""
    position, previous = 0, GENESIS
    row = None
    for row in rows:
        if row.position is None:
            break
        summary.n_entries += 1
        if row.position != position + 1:
            yield f"{row.key}: {span(position + 1, row.position - 1)} removed or renumbered"
        elif expected_hash(row, previous) != bytes(row.hash):
            yield f"{row.key}: entry {row.position} ({row.action} {row.target_id}) changed, or the one before it"
        position, previous = row.position, bytes(row.hash)
    if row is not None:
        yield from end_problems(row, position, previous)


def end_problems(row: Row, position: int, previous: bytes) -> Iterator[str]:
    if row.length is None:
        yield f"{row.key}: the chain's row was removed"
    elif position < row.length:
        yield f"{row.key}: {span(position + 1, row.length)} removed, or the chain's row changed"
    elif position > row.length or previous != bytes(row.head or b""):
        yield f"{row.key}: the chain's row does not match its last entry, {position}: one of them changed"


def span(first: int, last: int) -> str:
    return f"entry {first} was" if first == last else f"entries {first} to {last} were"


def expected_hash(row: Row, previous: bytes) -> bytes:
    fields: dict[str, Any] = row._asdict()
    for name in ("key", "length", "head", "hash"):
        del fields[name]
    fields |= {"before": json.loads(row.before), "after": json.loads(row.after)}
    return entry_hash(previous, chain=row.key, **fields)
