"""Connections that are asked cheaply, each time they leave the pool, whether they still work."""

from __future__ import annotations

import select
from typing import Any

import psycopg


class PooledConnection(psycopg.Connection[Any]):
    """Answers the pool's question without a round trip while the server has said nothing.

    A server that ends a session says so and closes the connection: either waits in the socket. An idle session of a
    living server is silent.
    """

    def execute(self, query: Any, *args: Any, **options: Any) -> psycopg.Cursor[Any]:
        # The empty statement is how psycopg_pool asks.
        return self.cursor() if query == "" and self._is_silent() else super().execute(query, *args, **options)

    def _is_silent(self) -> bool:
        if self.closed:
            return False
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return not poll.poll(0)
