"""Moving rows from state to state: the only code that assigns a status.

A transition is an UPDATE filtered on the allowed old states, so of two racing movers one wins; the event rows are
written by the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection, models

from ops_console.errors import InvalidTransition, NotFound

M = TypeVar("M", bound=models.Model)


class TransitionEvent(models.Model):
    """Who moved a row from where to where, when and why. Subclasses add ``subject``, a key to the row."""

    id = models.BigAutoField(primary_key=True)
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        abstract = True


REASONS = "%(reason)s::text[]"
MOVE = """
WITH wanted AS (
    SELECT * FROM unnest({arrays}) AS w ({columns})
), {moved}
INSERT INTO {events} (subject_id, from_status, to_status, actor, reason, at)
SELECT id, status, %(to)s, %(actor)s, {reason}, %(at)s FROM moved{reasons}
RETURNING subject_id, from_status
"""
# Rows are found by their key. An index on the status is no short cut, though the planner takes it for one after
# thousands of rows have come that it does not know of: therefore an expression.
MOVED_FROM_ONE = """
moved AS (
    UPDATE {table} t SET status = %(to)s{assignments}
    FROM wanted WHERE t.{pk} = wanted.id AND t.status || '' = %(source)s{condition}
    RETURNING t.{pk} AS id, %(source)s AS status
)
"""
# The old status of a row is known only from before the UPDATE.
MOVED_FROM_SEVERAL = """
old AS MATERIALIZED (
    SELECT t.{pk} AS id, t.status FROM {table} t JOIN wanted ON wanted.id = t.{pk}
    WHERE t.status || '' = ANY(%(sources)s){condition} ORDER BY t.{pk} FOR UPDATE OF t
), moved AS (
    UPDATE {table} t SET status = %(to)s{assignments}
    FROM old JOIN wanted USING (id) WHERE t.{pk} = old.id RETURNING old.id, old.status
)
"""


class StateMachine(Generic[M]):
    """One table of allowed moves over one model's ``status``, with its event model.

    ``allowed`` maps a target state to the states it may be reached from; ``provided`` to what else a row ``t`` must
    be, in SQL. A model with a ``version`` column has it raised by each move.
    """

    def __init__(
        self,
        model: type[M],
        events: type[TransitionEvent],
        allowed: Mapping[str, frozenset[str]],
        provided: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model
        self.events = events
        self.allowed = allowed
        self.provided = provided or {}

    def move(
        self,
        ids: Sequence[Any],
        to: str,
        *,
        actor: str,
        reason: str | Sequence[str] = "",
        at: datetime,
        columns: Mapping[str, Sequence[Any]] | None = None,
        **changes: Any,
    ) -> dict[Any, str]:
        """Move the rows that may move, in one statement, and return each moved id with its old state.

        Callers that move several rows at once lock them first, so that two movers never wait in a circle.
        ``changes`` are set on every row; ``columns`` holds per field a value for each of ``ids``, in their order, and
        so does ``reason`` when it is no text: what an event has no room for is cut off.
        """
        columns = columns or {}
        sources = sorted(self.allowed[to])
        if not ids or not sources:
            return {}
        statement = self._statement(to, list(columns), list(changes), has_reasons=not isinstance(reason, str))
        values: dict[str, Any] = {f"set_{name}": value for name, value in changes.items()}
        values |= {f"col_{name}": array_text(column) for name, column in columns.items()}
        values |= {"ids": array_text(ids), "to": to, "sources": sources, "source": sources[0]}
        values |= {"actor": actor, "reason": reason if isinstance(reason, str) else array_text(reason), "at": at}
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return dict(cursor.fetchall())

    def move_one(self, pk: Any, to: str, *, actor: str, reason: str = "", at: datetime, **changes: Any) -> str:
        """Move one row and return its old state.

        Raises:
            InvalidTransition: its state does not allow it.
            NotFound: there is no such row.
        """
        moved = self.move([pk], to, actor=actor, reason=reason, at=at, **changes)
        if pk in moved:
            return moved[pk]
        current = self.model._default_manager.filter(pk=pk).values_list("status", flat=True).first()
        if current is None:
            raise NotFound()
        raise InvalidTransition(current=str(current), wanted=to)

    def _statement(self, to: str, columns: list[str], changes: list[str], *, has_reasons: bool) -> str:
        meta = self.model._meta
        varying = [meta.get_field(name) for name in columns]
        arrays = [("%(ids)s", meta.pk)] + [(f"%(col_{field.name})s", field) for field in varying]
        names = [_column(field) for field in varying]
        condition = f" AND ({self.provided[to]})" if to in self.provided else ""
        unnested = [f"{value}::{_array_type(field)}[]" for value, field in arrays]
        assignments = [f", {name} = wanted.{name}" for name in names]
        assignments += [f", {_column(meta.get_field(name))} = %(set_{name})s" for name in changes]
        if any(field.name == "version" for field in meta.concrete_fields):
            assignments.append(", version = t.version + 1")
        moved = MOVED_FROM_ONE if len(self.allowed[to]) == 1 else MOVED_FROM_SEVERAL
        table, pk = meta.db_table, _column(meta.pk)
        return MOVE.format(
            arrays=", ".join([*unnested, *([REASONS] if has_reasons else [])]),
            columns=", ".join(["id", *names, *(["why"] if has_reasons else [])]),
            moved=moved.format(table=table, pk=pk, condition=condition, assignments="".join(assignments)),
            events=self.events._meta.db_table,
            reason="left(why, 200)" if has_reasons else "%(reason)s",
            reasons=" JOIN wanted USING (id)" if has_reasons else "",
        )


def array_text(values: Sequence[Any]) -> str:
    """Write numbers, times, UUIDs, texts or missing values as PostgreSQL reads an array.

    Far quicker than adapting each.
    """
    if all(map(_is_plain, map(type, values))):
        return "{" + ",".join(map(str, values)) + "}"
    return "{" + ",".join(map(_element, values)) + "}"


_is_plain = frozenset({int, float, UUID}).__contains__


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _column(field: Any) -> str:
    return str(field.column)


def _array_type(field: Any) -> str:
    return str(field.rel_db_type(connection) if field.primary_key else field.db_type(connection))
