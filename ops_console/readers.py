"""Reading rows by statements written once, for the queries every request makes.

Compiling a queryset takes longer than the database takes to answer it (docs/decisions/hot-reads.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, models

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

    def columns(self, alias: str) -> str:
        return ", ".join(f'{alias}."{name}"' for name in self.names)

    def read(self, row: Sequence[Any], start: int = 0) -> M:
        """The instance whose columns begin at ``start`` of the row."""
        return self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[start : start + len(self.names)])


def one_row(statement: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
    """The first row of a statement that the server keeps prepared, so that it plans the joins once a connection."""
    connection.ensure_connection()
    # Django's own cursors put values into the text, which is then planned each time.
    made: Any = psycopg.Cursor(connection.connection)
    with connection.make_debug_cursor(made) if connection.queries_logged else connection.make_cursor(made) as cursor:
        cursor.execute(statement, parameters)
        row: Sequence[Any] | None = cursor.fetchone()
    return row
