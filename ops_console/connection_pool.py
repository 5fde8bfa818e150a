"""Connections that are asked cheaply, each time they leave the pool, whether they still work."""

from __future__ import annotations

import select
from functools import cached_property
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool


class PooledConnection(psycopg.Connection[Any]):
    """Answers the pool's question without a round trip while the server has said nothing.

    A server that ends a session says so and closes the connection: either waits in the socket. An idle session of a
    living server is silent.
    """

    @cached_property
    def reader(self) -> psycopg.Cursor[Any]:
        """One for all that goes by no cursor of Django's: it learns once how to read each type's binary form."""
        cursor = psycopg.Cursor(self)
        cursor.format = psycopg.pq.Format.BINARY
        return cursor

    def execute(self, query: Any, *args: Any, **options: Any) -> psycopg.Cursor[Any]:
        # The empty statement is how psycopg_pool asks.
        if query != "":
            return super().execute(query, *args, **options)
        if self._is_silent():
            return self.cursor()
        try:
            return super().execute(query)
        except psycopg.OperationalError:
            self._replace_the_others()
            raise

    def _replace_the_others(self) -> None:
        """A server that restarts ends all of a pool's connections; found one by one, each costs its finder a rest."""
        if isinstance(self._pool, ConnectionPool):
            self._pool.drain()

    def _is_silent(self) -> bool:
        if self.closed:
            return False
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return not poll.poll(0)
