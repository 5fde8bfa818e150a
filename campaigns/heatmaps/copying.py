"""Touches into their table by PostgreSQL's binary COPY: a head, rows of fields that each tell their length, an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection, transaction
from numpy.typing import ArrayLike, NDArray
from psycopg.errors import CheckViolation

from campaigns.heatmaps import storage

# With the forms of their values. The last may be null.
COLUMNS = {
    "received_at": ">i8",
    "screen_id": ">i8",
    "member_id": "V16",
    "x": ">f4",
    "y": ">f4",
    "screen_width": ">i4",
    "screen_height": ">i4",
    "cell": ">i4",
    "event_type": ">i2",
    "client_at": ">i8",
}
NULLABLE = "client_at"
COPY = f"COPY {storage.TOUCHES} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
HEAD, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def _blank_row(*, is_null: bool) -> NDArray[np.void]:
    """A row without values but with the number of its fields and the length of each, -1 for null."""
    fields = [("n_fields", ">i2")]
    for name, form in COLUMNS.items():
        fields += [(f"{name}_length", ">i4"), (name, form)]
    row = np.zeros(1, fields[:-1] if is_null else fields)
    row["n_fields"] = len(COLUMNS)
    for name, form in COLUMNS.items():
        row[f"{name}_length"] = -1 if is_null and name == NULLABLE else np.dtype(form).itemsize
    return row


BLANK, BLANK_WITH_NULL = _blank_row(is_null=False), _blank_row(is_null=True)


def copy(columns: Mapping[str, ArrayLike], client_at: Sequence[datetime | None]) -> None:
    """Keep rows with those values, one for all or one for each, and with those clocks of the devices. One COPY."""
    has_clock = np.array([at is not None for at in client_at])
    clocks = [microseconds(at) for at in client_at if at is not None]
    told = _rows(BLANK, columns, has_clock)
    told[NULLABLE] = clocks
    data = b"".join((HEAD, told.tobytes(), _rows(BLANK_WITH_NULL, columns, ~has_clock).tobytes(), END))
    try:
        _copy(data)
    except CheckViolation:
        # They were on their way into the default partition when the day got its own.
        _copy(data)


def microseconds(at: datetime) -> int:
    """As PostgreSQL has it: since 2000."""
    return (at - POSTGRES_EPOCH) // MICROSECOND


def _rows(blank: NDArray[np.void], columns: Mapping[str, ArrayLike], chosen: NDArray[np.bool_]) -> NDArray[np.void]:
    rows = np.repeat(blank, len(chosen))
    for name, values in columns.items():
        rows[name] = values
    return rows[chosen]


def _copy(data: bytes) -> None:
    savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
    with savepoint, connection.cursor() as cursor, cursor.copy(COPY) as copying:
        copying.write(data)
