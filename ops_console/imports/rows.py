"""CSV with a header in UTF-8, read one row at a time in constant memory."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class BadHeader(Exception):
    """The first line does not name the columns."""


class BadValue(Exception):
    """A value of a row cannot be used."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used, the line it starts on, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class GoodRow(Generic[T]):
    """What a row says, and the line it starts on."""

    line: int
    value: T


def read_rows(
    lines: Iterable[str],
    *,
    required: Sequence[str],
    optional: Sequence[str] | None,
    parse: Callable[[Mapping[str, str]], T],
) -> Iterator[GoodRow[T] | BadRow]:
    """Give what ``parse`` makes of each row's values by column, or what is wrong with it; empty lines are skipped.

    ``parse`` raises BadValue for a value it cannot use. ``optional`` None: any further columns, each with a name.

    Raises:
        BadHeader: a column is missing, unknown or named twice.
    """
    reader = csv.reader(lines, strict=True)
    columns = _header(reader, required, optional)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, f"not CSV: {error}")
            continue
        if row:
            yield _good_or_bad(line, columns, row, parse)


def _header(reader: Iterator[list[str]], required: Sequence[str], optional: Sequence[str] | None) -> list[str]:
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise BadHeader(f"The first line is not CSV: {error}.") from None
    faults = [f"{name} is missing" for name in required if name not in columns]
    allowed = (*required, *(filter(_is_name, columns) if optional is None else optional))
    faults += [f"{name!r} is unknown" for name in columns if name not in allowed]
    faults += sorted({f"{name} is named twice" for name in columns if columns.count(name) > 1 and name in allowed})
    if faults:
        wanted = f" {', '.join(required)}" if required else ""
        raise BadHeader(f"The first line must name the columns{wanted}: {', '.join(faults)}.")
    return columns


def _good_or_bad(
    line: int, columns: list[str], row: list[str], parse: Callable[[Mapping[str, str]], T]
) -> GoodRow[T] | BadRow:
    if len(row) != len(columns):
        return BadRow(line, f"{len(row)} values for {len(columns)} columns")
    values = {name: value.strip() for name, value in zip(columns, row, strict=True)}
    garbled = [f"{name} {value[:100]!r}" for name, value in values.items() if "\0" in value or not _is_utf8(value)]
    if garbled:
        return BadRow(line, f"not UTF-8 text: {', '.join(garbled)}")
    try:
        return GoodRow(line, parse(values))
    except BadValue as error:
        return BadRow(line, str(error))


def _is_name(text: str) -> bool:
    return bool(text) and "\0" not in text and _is_utf8(text)


def _is_utf8(text: str) -> bool:
    """Whether the file's bytes were: those that are not were read as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
