"""Valkey hangs, dies and comes back empty: neither clients nor the queue lose anything by it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from tests import factories
from tests.faults.house import House
from tests.faults.proof import assert_all_delivered_once
from tests.faults.queues import Queue

N_REQUESTS = 40
AT_ONCE = 4
# A request that takes longer waits for Valkey.
TIMEOUT_S = 30.0
BODY = {"destination": {"address": {"city": "Phoenix", "country": "US"}}, "message": {"body": "Coo coo!"}}


def test_a_lost_broker_loses_and_repeats_nothing(house: House, queue: Queue) -> None:
    house.start("beat")
    house.start_worker()
    house.start("web", WEB_PROCESSES="1")
    with client_of(house, queue) as client:
        house.wait_until(lambda: status(client, "/readyz?all=1") == 200)
        queue.wait_for(queue.n_messages // 2, house)
        assert house.valkey.pid
        os.kill(house.valkey.pid, signal.SIGSTOP)
        assert create_messages(client, queue) == [201] * N_REQUESTS
        house.lose_valkey()
        assert create_messages(client, queue) == [201] * N_REQUESTS
        assert (status(client, "/readyz"), status(client, "/readyz?all=1")) == (200, 503)
        assert queue.n_delivered < queue.n_messages
        house.valkey.start()
        # Beat and worker are back, too.
        house.wait_until(lambda: status(client, "/readyz?all=1") == 200)
    n_messages = queue.n_messages + 2 * N_REQUESTS
    queue.wait_for(n_messages, house)
    assert_all_delivered_once(n_messages)


@contextmanager
def client_of(house: House, queue: Queue) -> Iterator[httpx.Client]:
    login = factories.credential(queue.account)
    auth = (login.auth_id, login.auth_key)
    with httpx.Client(base_url=f"http://127.0.0.1:{house.port}", auth=auth, timeout=TIMEOUT_S) as client:
        yield client


def create_messages(client: httpx.Client, queue: Queue) -> list[int]:
    """Create messages, several at once, and return the statuses of the answers."""

    def create(_: int) -> int:
        return client.post(f"/pigeon/v1/{queue.account.username}/messages", json=BODY).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(create, range(N_REQUESTS)))


def status(client: httpx.Client, path: str) -> int:
    """The status of the answer; 0 without one."""
    try:
        return client.get(path).status_code
    except httpx.TransportError:
        return 0
