"""Database connections go back after every call, and dead ones are replaced."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest, ListGroupsRequest
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from ops_console.organizations.models import Organization
from tests import callers, factories
from tests.integration.rpc.conftest import ENVIRON
from tests.rpc_clients import Client, ConnectCaller, NativeCaller
from tests.web import native_server, web_server

# More threads than connections, and more calls at once than threads.
N_CALLS, N_THREADS, N_CONNECTIONS = 200, 100, 64
USER = "01890a5d-ac96-774b-bcce-b302099a8057"
# What the server under test calls itself to the database.
NAME = "server-under-test"
# Waits until they have ended: before, a statement may still be cut.
KILL = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = %s"
HELD = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state LIKE 'idle in %%'"
MANY = {
    **ENVIRON,
    "PGAPPNAME": NAME,
    "DATABASE_POOL_SIZE": str(N_CONNECTIONS),
    "GRPC_THREADS": str(N_THREADS),
    "LOG_LEVEL": "ERROR",
}


@contextmanager
def web() -> Iterator[list[Client]]:
    with web_server(MANY, n_threads=N_THREADS) as url:
        yield [ConnectCaller(url) for _ in range(N_CALLS)]


@contextmanager
def native() -> Iterator[list[Client]]:
    with native_server(MANY) as server, grpc.insecure_channel(server.address) as channel:
        yield [NativeCaller(channel) for _ in range(N_CALLS)]


@pytest.fixture(scope="module", params=[web, native])
def clients(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[list[Client]]:
    with django_db_blocker.unblock(), request.param() as clients:
        yield clients


def test_calls_go_on_when_connections_are_cut_beneath_them(clients: list[Client], committed_db: None) -> None:
    organization = factories.organization()
    Organization.objects.filter(pk=organization.pk).update(rate_per_s=100_000, rate_burst=100_000)
    key, render_key = callers.organization_key(organization), callers.service_key("render")
    stream = RenderBatchRequest(template_id=USER, version=1, users=[UserRenderContext(user_id=USER)] * 3)
    calls: list[Callable[[Client], str]] = [
        lambda client: client.call("GroupService/ListGroups", ListGroupsRequest(), key=key).code,
        lambda client: client.call("RenderService/RenderBatch", stream, key=render_key).code,
        lambda client: client.call("GroupService/CreateGroup", CreateGroupRequest(name="failure"), key=key).code,
    ]

    def volley() -> Counter[str]:
        with ThreadPoolExecutor(N_CALLS) as pool:
            jobs = [pool.submit(calls[number % 3], clients[number]) for number in range(N_CALLS)]
            return Counter(job.result() for job in jobs)

    unharmed = {"ok": 134, "internal": 66}
    assert volley() == unharmed

    with killing() as killed:
        hurt = volley()
    # Those whose statement was cut fail; nothing hangs.
    assert hurt.total() == N_CALLS
    assert sum(killed) > 0

    kill()
    assert volley() == unharmed
    assert n_held() == 0


@contextmanager
def killing() -> Iterator[list[int]]:
    """Kill all the server's backends again and again meanwhile; how many, each time."""
    done, killed = threading.Event(), []

    def work() -> None:
        while not done.wait(0.05):
            killed.append(kill())
        connection.close()

    killer = threading.Thread(target=work)
    killer.start()
    try:
        yield killed
    finally:
        done.set()
        killer.join()


def kill() -> int:
    return number(KILL)


def n_held() -> int:
    return number(HELD)


def number(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, [NAME])
        row = cursor.fetchone()
    assert row
    return int(row[0])
