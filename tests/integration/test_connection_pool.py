from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from ops_console.connection_pool import PooledConnection

N_CONNECTIONS = 8


@pytest.mark.django_db
def test_connections_that_died_together_hold_nobody_up_one_by_one() -> None:
    name = f"pool-{uuid4()}"
    conninfo = psycopg.conninfo.make_conninfo(**{**address(), "application_name": name})
    with ConnectionPool(
        conninfo,
        connection_class=PooledConnection,
        check=ConnectionPool.check_connection,
        max_size=N_CONNECTIONS,
        timeout=60,
    ) as pool:
        fill(pool)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = %s", [name]
            )
            assert cursor.fetchall() == [(True,)] * N_CONNECTIONS
        assert "connections_lost" not in pool.get_stats()
        with pool.connection() as found:
            assert found.execute("SELECT 1").fetchone() == (1,)
        # The pool rests a second when it has met a dead one, and twice as long at each further one.
        assert pool.get_stats()["connections_lost"] == 1


def address() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {name: known[name] for name in ("host", "port", "user", "password", "dbname") if known.get(name)}


def fill(pool: ConnectionPool[PooledConnection]) -> None:
    """Have it open all the connections it may."""
    everybody = Barrier(N_CONNECTIONS, timeout=60)

    def use(_: int) -> None:
        with pool.connection():
            everybody.wait()

    with ThreadPoolExecutor(N_CONNECTIONS) as threads:
        list(threads.map(use, range(N_CONNECTIONS)))
