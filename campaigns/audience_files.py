"""Audience files: CSV with a header, one recipient a line, by e-mail or by user id; other columns are variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from campaigns.services.audiences import variables_fault
from ops_console.imports.rows import BadHeader, BadRow, BadValue, GoodRow, read_rows
from ops_console.organizations.addresses import normal_email

EMAIL, USER_ID = "email", "user_id"


@dataclass(frozen=True, slots=True)
class NamedRecipient:
    """``column`` says what ``name`` is: an address in small letters, or an id as the database writes it."""

    column: str
    name: str
    variables: Mapping[str, str]


def read_audience(lines: Iterable[str]) -> Iterator[GoodRow[NamedRecipient] | BadRow]:
    """Give each row's recipient, or what is wrong with it, one at a time. An empty cell is no value.

    Raises:
        BadHeader: a column is named twice or not at all, or not exactly one of email and user_id is there.
    """
    return read_rows(lines, required=(), optional=None, parse=_recipient)


def _recipient(values: Mapping[str, str]) -> NamedRecipient:
    columns = [column for column in (EMAIL, USER_ID) if column in values]
    if len(columns) != 1:
        raise BadHeader(f"The first line must name the column {EMAIL} or {USER_ID}, and not both.")
    [column] = columns
    variables = {name: value for name, value in values.items() if value and name != column}
    if fault := variables_fault(variables):
        raise BadValue(fault)
    return NamedRecipient(column, _name(column, values[column]), variables)


def _name(column: str, text: str) -> str:
    if not text:
        raise BadValue(f"{column} is empty")
    if column == EMAIL:
        return normal_email(text)
    try:
        return str(UUID(text))
    except ValueError:
        raise BadValue(f"user_id {text[:100]!r} is no UUID") from None
