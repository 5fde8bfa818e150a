"""CSV out: one line at a time, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from ops_console.formats import json_time

MEDIA_TYPE = "text/csv; charset=utf-8"
# A cell that begins with one of these is a formula to some spreadsheet, or becomes one when its edges are trimmed.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# Lines handed over together.
CHUNK = 500


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The header and the rows in UTF-8, some hundred lines at a time; as ``cell`` writes their values."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for n, row in enumerate(rows, start=1):
        writer.writerow([cell(value) for value in row])
        if n % CHUNK == 0:
            yield _taken(text)
    yield _taken(text)


def cell(value: Any) -> str:
    """A value as a cell: None is empty, a time as in JSON; before a text that looks like a formula an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return json_time(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def _taken(text: io.StringIO) -> bytes:
    lines = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return lines
