"""Touches into their table by PostgreSQL's binary COPY: a head, rows of fields that each tell their length, an end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import IntegrityError, connection, transaction
from numpy.typing import ArrayLike, NDArray
from psycopg.errors import CheckViolation

from campaigns.heatmaps import storage
from ops_console.readers import cursor_of

# By their names in the table: one value for all rows, or one for each. Instants in microseconds since 2000.
Columns = Mapping[str, ArrayLike]

# The forms of their values. The last may be null.
FORMS = {
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
COPY = f"COPY {storage.TOUCHES} ({', '.join(FORMS)}) FROM STDIN (FORMAT BINARY)"
HEAD, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
EPOCH_S = int(EPOCH.timestamp())


def _blank_row(*, is_null: bool) -> NDArray[np.void]:
    """A row without values but with the number of its fields and the length of each, -1 for null."""
    fields = [("n_fields", ">i2")]
    for name, form in FORMS.items():
        fields += [(f"{name}_length", ">i4"), (name, form)]
    row = np.zeros(1, fields[:-1] if is_null else fields)
    row["n_fields"] = len(FORMS)
    for name, form in FORMS.items():
        row[f"{name}_length"] = -1 if is_null and name == NULLABLE else np.dtype(form).itemsize
    return row


BLANK, BLANK_WITH_NULL = _blank_row(is_null=False), _blank_row(is_null=True)


def microseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def copy(columns: Columns, *, nulls: NDArray[np.bool_]) -> None:
    """Keep a row for each of ``nulls``, which says where the last column has no value. One COPY."""
    data = b"".join((HEAD, _rows(BLANK, columns, ~nulls), _rows(BLANK_WITH_NULL, columns, nulls), END))
    try:
        _copy(data)
    except IntegrityError as error:
        if not isinstance(error.__cause__, CheckViolation):
            raise
        # They were on their way into the default partition when the day got its own.
        _copy(data)


def _rows(blank: NDArray[np.void], columns: Columns, chosen: NDArray[np.bool_]) -> bytes:
    if not chosen.any():
        return b""
    rows = np.repeat(blank, len(chosen))
    for name in set(columns).intersection(rows.dtype.names or ()):
        rows[name] = columns[name]
    return rows[chosen].tobytes()


def _copy(data: bytes) -> None:
    savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
    with savepoint, connection.wrap_database_errors, cursor_of(connection).copy(COPY) as copying:
        copying.write(data)
