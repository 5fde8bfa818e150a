"""Reading rows by statements written once, for the queries every request makes.

Compiling a queryset takes longer than the database takes to answer it (docs/decisions/hot-reads.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models

from ops_console.connection_pool import PooledConnection

M = TypeVar("M", bound=models.Model)


class RowReader(Generic[M]):
    """Names a model's columns for a SELECT, and makes an instance of their values; other fields are deferred.

    Only fields whose values PostgreSQL's driver gives as the model has them: no JSON.
    """

    def __init__(self, model: type[M], *fields: str) -> None:
        self.model = model
        meta = model._meta
        # In the model's order, whatever the order of the names: Django takes the values so.
        chosen = [field for field in meta.concrete_fields if not fields or field.name in fields]
        self.names = [str(field.attname) for field in chosen]
        self._named = frozenset(self.names)

    def columns(self, alias: str) -> str:
        return ", ".join(f'{alias}."{name}"' for name in self.names)

    def read(self, row: Sequence[Any], start: int = 0) -> M:
        """The instance whose columns begin at ``start`` of the row."""
        return self.model.from_db(DEFAULT_DB_ALIAS, self._named, row[start : start + len(self.names)])


class Listing(Generic[M]):
    """Rows of one table in the order of their ids, which pages (``ops_console/keyset.py``) read without a queryset.

    ``condition`` is SQL over the table as ``t``, ``parameters`` its values.
    """

    def __init__(self, reader: RowReader[M], condition: str, parameters: Sequence[Any]) -> None:
        self.reader = reader
        self.condition = condition
        self.parameters = parameters

    def after(self, place: str | None, limit: int) -> list[M]:
        """Up to ``limit`` rows, those behind an id if one is given. One query."""
        beyond, parameters = ("", []) if place is None else (" AND t.id > %s", [place])
        statement = f"SELECT {self.reader.columns('t')} {self._rows}{beyond} ORDER BY t.id LIMIT %s"
        return [self.reader.read(row) for row in all_rows(statement, [*self.parameters, *parameters, limit])]

    def count(self) -> int:
        row = one_row(f"SELECT count(*) {self._rows}", self.parameters)
        assert row is not None
        return int(row[0])

    @property
    def _rows(self) -> str:
        return f"FROM {self.reader.model._meta.db_table} t WHERE {self.condition}"


def one_row(statement: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
    """The first row of a statement that the server keeps prepared, so that it plans the joins once a connection."""
    row: Sequence[Any] | None = _executed(statement, parameters).fetchone()
    return row


def all_rows(statement: str, parameters: Sequence[Any]) -> list[Sequence[Any]]:
    """All rows of a statement that the server keeps prepared."""
    rows: list[Sequence[Any]] = _executed(statement, parameters).fetchall()
    return rows


def cursor_of(database: Any) -> psycopg.Cursor[Any]:
    """The driver's own cursor beneath Django's connection; what it raises is the driver's, too."""
    database.ensure_connection()
    database.validate_no_broken_transaction()
    beneath: PooledConnection = database.connection
    return beneath.reader


def _executed(statement: str, parameters: Sequence[Any]) -> Any:
    # Looked up once: Django's proxy does so each time it is touched.
    database: Any = connections[DEFAULT_DB_ALIAS]
    # Django's own cursors put values into the text, which is then planned each time; and they take texts for answers,
    # which are slower to read than PostgreSQL's binary forms.
    cursor = cursor_of(database)
    # For this statement alone: psycopg counts those it may prepare by their texts, and Django's hold all values.
    # Who wants to see statements is shown none of the prepared ones.
    cursor.connection.prepare_threshold = None if database.queries_logged else 0
    try:
        with database.wrap_database_errors:
            _watched(database, cursor).execute(statement, parameters)
    finally:
        cursor.connection.prepare_threshold = None
    return cursor


def _watched(database: Any, cursor: Any) -> Any:
    """The cursor, for those who log statements or wrap them where there are some; without them it is quicker."""
    if database.queries_logged:
        return database.make_debug_cursor(cursor)
    return database.make_cursor(cursor) if database.execute_wrappers else cursor
