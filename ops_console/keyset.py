"""Pages by keyset: an opaque signed token holds the last row's place, so rows that come and go shift nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet

from ops_console.readers import Listing

M = TypeVar("M", bound=Model)
DEFAULT_SIZE = 50
MAX_SIZE = 200
# Of the rows of a page together: callers refuse answers over 4 MiB.
MAX_BYTES = 3 * 2**20


class ForeignToken(Exception):
    """The token was not made here, or not for this list."""


def rows_after(
    rows: QuerySet[M] | Listing[M],
    *,
    columns: Sequence[str],
    size: int,
    token: str,
    salt: str,
    weigh: Callable[[M], int] | None = None,
) -> tuple[list[M], str | None]:
    """Up to ``size`` rows behind the token's place, and the token of those that follow, if any do. One query.

    ``columns`` as in ``order_by``; they hold no NULL, the last is unique; a listing has its ids. ``token`` is empty for
    the first page; one is good only for the salt it was made with. ``weigh`` tells the bytes of a row: a page ends
    before MAX_BYTES, but for its first row.

    Raises:
        ForeignToken: it is none of ours.
    """
    place = _place(token, salt, len(columns)) if token else None
    if isinstance(rows, Listing):
        found = rows.after(place[0] if place else None, size + 1)
    else:
        behind = rows.filter(_after(columns, place)) if place else rows
        found = list(behind.order_by(*columns)[: size + 1])
    if weigh is not None:
        size = min(size, _n_within(found, weigh))
    if len(found) <= size:
        return found, None
    return found[:size], signing.dumps([str(_value(found[size - 1], column)) for column in columns], salt=salt)


def _n_within(rows: Sequence[M], weigh: Callable[[M], int]) -> int:
    """How many of the first rows there is room for: one at least."""
    room = MAX_BYTES
    for n, row in enumerate(rows):
        room -= weigh(row)
        if room < 0:
            return max(1, n)
    return max(1, len(rows))


def _place(token: str, salt: str, n_columns: int) -> Sequence[str]:
    try:
        place = signing.loads(token, salt=salt)
    except (signing.BadSignature, ValueError):
        raise ForeignToken from None
    if not isinstance(place, list) or len(place) != n_columns:
        raise ForeignToken
    return place


def _after(columns: Sequence[str], place: Sequence[str]) -> Q:
    """Rows behind a place. The first column is compared at the top so that an index on it is used."""
    column, value = columns[0], place[0]
    name, beyond = (column[1:], "lt") if column.startswith("-") else (column, "gt")
    if len(columns) == 1:
        return Q(**{f"{name}__{beyond}": value})
    return Q(**{f"{name}__{beyond}e": value}) & (Q(**{f"{name}__{beyond}": value}) | _after(columns[1:], place[1:]))


def _value(row: Model, column: str) -> Any:
    value: Any = row
    for name in column.removeprefix("-").split("__"):
        value = getattr(value, name)
    return value
