"""The caller's deadline, held wherever a call can wait: before each step, and inside the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, OperationalError, connection
from psycopg.errors import QueryCanceled

from ops_console.rpc.statuses import Code, Refused, Status

LONGEST_S = 86_400.0
PASSED = Status(Code.DEADLINE_EXCEEDED, "The call's deadline has passed.")


@dataclass(frozen=True)
class Deadline:
    """An instant of the monotonic clock, or none."""

    at: float | None = None

    @classmethod
    def after(cls, timeout_s: float | None) -> Deadline:
        # grpcio tells of thousands of years where a caller gave none.
        return cls(None if timeout_s is None or timeout_s > LONGEST_S else time.monotonic() + timeout_s)

    @property
    def left_s(self) -> float | None:
        return None if self.at is None else self.at - time.monotonic()

    @property
    def is_past(self) -> bool:
        return self.at is not None and time.monotonic() >= self.at

    def check(self) -> None:
        """Raises: Refused, once it has passed."""
        if self.is_past:
            raise Refused(PASSED)

    def cut_short(self, error: Exception) -> bool:
        """Whether the error is a statement that was ended for the deadline's sake."""
        return self.is_past and isinstance(error, OperationalError) and isinstance(error.__cause__, QueryCanceled)


@contextmanager
def enforced(deadline: Deadline) -> Iterator[None]:
    """Let no statement of this thread begin after the deadline, nor run past it. One round trip more, if any runs."""
    if deadline.at is None:
        yield
        return
    limit = _StatementLimit(deadline)
    try:
        with connection.execute_wrapper(limit):
            yield
    finally:
        limit.lift()


class _StatementLimit:
    """Wraps every statement: see Django's ``connection.execute_wrapper``."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.set_ms = 0

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        self.deadline.check()
        left_ms = max(1, round((self.deadline.left_s or 0) * 1000))
        # A limit that is at most twice too long is good enough; a shorter one costs a round trip.
        if not self.set_ms or left_ms * 2 < self.set_ms:
            self._run(f"SET statement_timeout = {left_ms}")
            self.set_ms = left_ms
        return execute(sql, params, many, context)

    def lift(self) -> None:
        if self.set_ms and connection.connection is not None:
            # One that cannot be lifted is on a connection that is broken, or whose transaction is rolled back.
            with suppress(DatabaseError):
                self._run("RESET statement_timeout")

    def _run(self, statement: str) -> None:
        with connection.wrap_database_errors:
            connection.connection.execute(statement)
