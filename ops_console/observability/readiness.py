"""Whether this process may be sent requests, and whether everything behind it works. Never waits long."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

# A check that has no answer by then counts as failed.
DEADLINE_S = 3.0
TIMEOUT_S = 2
# Without these nothing can be served; the others may fail for a while.
REQUIRED = ("database", "migrations")
HEARTBEAT_KEY = "pigeon:heartbeat"
HEARTBEAT_S = 20
CONNECTION_PARAMS = frozenset(
    {"dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"}
)
_threads = ThreadPoolExecutor(8, thread_name_prefix="readiness")


def checks() -> dict[str, bool]:
    """What works, by name. Beat sends the heartbeat and a worker writes it, so one key proves both."""
    database, valkey = _threads.submit(_database, _database_params()), _threads.submit(_valkey)
    is_up, is_migrated = _result(database, (False, False))
    has_broker, has_heartbeat = _result(valkey, (False, False))
    return {
        "database": is_up,
        "migrations": is_migrated,
        "broker": has_broker,
        "worker": has_heartbeat,
        "beat": has_heartbeat,
    }


def beat() -> None:
    """Leave the sign that beat, broker and a worker were up, for as long as it is good."""
    with _client() as client:
        client.set(HEARTBEAT_KEY, 1, ex=HEARTBEAT_S)


def _result(future: Future[tuple[bool, bool]], failed: tuple[bool, bool]) -> tuple[bool, bool]:
    try:
        return future.result(DEADLINE_S)
    except Exception:  # noqa: BLE001 - whatever it is, it does not work
        future.cancel()
        return failed


# A connection of its own: the pool may be exhausted, and waits longer than a probe may.
def _database(params: dict[str, Any]) -> tuple[bool, bool]:
    try:
        with _connect(params) as link:
            link.execute("SELECT 1")
            return True, _is_migrated(link.execute)
    except psycopg.Error:
        return False, False


def _connect(params: dict[str, Any]) -> psycopg.Connection[Any]:
    return psycopg.connect(
        **params,
        connect_timeout=TIMEOUT_S,
        tcp_user_timeout=TIMEOUT_S * 1000,
        options=f"-c statement_timeout={TIMEOUT_S * 1000}",
    )


def _database_params() -> dict[str, Any]:
    params = connection.get_connection_params()
    return {name: value for name, value in params.items() if name in CONNECTION_PARAMS}


def _is_migrated(execute: Callable[[str], psycopg.Cursor[Any]]) -> bool:
    try:
        applied = {(app, name) for app, name in execute("SELECT app, name FROM django_migrations")}
    except psycopg.errors.UndefinedTable:
        return False
    return _wanted_migrations() <= applied


@cache
def _wanted_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _valkey() -> tuple[bool, bool]:
    with _client() as client:
        return bool(client.ping()), bool(client.exists(HEARTBEAT_KEY))


def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
