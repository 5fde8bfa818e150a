from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from ops_console.observability import readiness, tasks

FINE = {"database": "ok", "migrations": "ok", "broker": "ok", "worker": "ok", "beat": "ok"}


@pytest.fixture(autouse=True)
def _no_heartbeat(settings: LazySettings) -> None:
    redis.Redis.from_url(settings.REDIS_URL).delete(readiness.HEARTBEAT_KEY)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def break_database(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    broken = {**connection.get_connection_params(), "host": "127.0.0.1", "port": port}
    monkeypatch.setattr(connection, "get_connection_params", lambda: broken)


def test_the_process_is_up_whatever_else_is_not(
    client: Client, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    break_database(monkeypatch, closed_port)
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_all_is_fine_once_the_heart_beats(client: Client) -> None:
    degraded = client.get("/readyz")
    assert degraded.status_code == 200
    assert degraded.json() == {"status": "degraded", "checks": {**FINE, "worker": "degraded", "beat": "degraded"}}
    assert client.get("/readyz?all=1").status_code == 503
    tasks.heartbeat()
    whole = client.get("/readyz?all=1")
    assert (whole.status_code, whole.json()) == (200, {"status": "ok", "checks": FINE})


@pytest.mark.django_db
def test_the_heartbeat_ends_by_itself(settings: LazySettings) -> None:
    tasks.heartbeat()
    ttl: Any = redis.Redis.from_url(settings.REDIS_URL).ttl(readiness.HEARTBEAT_KEY)
    assert 0 < ttl <= 30


@pytest.mark.django_db
def test_a_broken_broker_degrades(client: Client, settings: LazySettings, closed_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{closed_port}"
    response = client.get("/readyz")
    assert (response.status_code, response.json()["checks"]["broker"]) == (200, "degraded")
    assert client.get("/readyz?all=1").status_code == 503


@pytest.mark.django_db
def test_a_missing_migration_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = readiness._wanted_migrations() | {("messages", "9999_tomorrow")}
    monkeypatch.setattr(readiness, "_wanted_migrations", lambda: wanted)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")
    assert response.json()["checks"]["migrations"] == "failed"


@pytest.mark.parametrize("kind", ["closed", "deaf"])
@pytest.mark.django_db
def test_a_broken_database_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, kind: str, closed_port: int, deaf_port: int
) -> None:
    break_database(monkeypatch, closed_port if kind == "closed" else deaf_port)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["checks"]["database"]) == (503, "failed")


@pytest.mark.django_db
def test_a_broker_that_never_answers_does_not_hang(client: Client, settings: LazySettings, deaf_port: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{deaf_port}"
    assert client.get("/readyz").json()["checks"]["broker"] == "degraded"
