"""A recording on its way out, through WSGI: in little memory, and holding no connection of the pool."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import RequestFactory

from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import bearers, factories, replays, tenants
from tests.factories import NOW
from tests.replays import beginning, ms

MEBIBYTE = 2**20
N_CHUNKS = 24


@pytest.fixture
def who(committed_db: None, media: Path) -> Member:
    made = tenants.member(factories.organization(), Right.CAMPAIGNS_READ)
    replays.agree(made)
    return made


def test_one_chunk_is_in_memory_and_no_connection_held_however_slow_the_client(who: Member) -> None:
    token = bearers.token_of(who)
    to = uuid4()
    for number in range(N_CHUNKS):
        replays.send(who, beginning(ms(NOW) + number, "x" * 1_000_000), to=to, number=number)
    application = get_wsgi_application()
    environ = (
        RequestFactory().get(f"/api/v1/recordings/{to}/snapshots", headers={"Authorization": f"Bearer {token}"}).environ
    )
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Any:
        statuses.append(status)

    application(environ, start_response).close()
    tracemalloc.start()
    try:
        answer: Any = application(environ, start_response)
        n_bytes = 0
        for block in answer:
            n_bytes += len(block)
            assert connection.connection is None
        answer.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert statuses == ["200 OK", "200 OK"]
    assert n_bytes > N_CHUNKS * 1_000_000
    assert peak < 8 * MEBIBYTE, peak
