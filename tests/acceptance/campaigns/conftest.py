"""Everything a campaign meets, running: our processes on a clock that the test moves, and the outside world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from tests.acceptance.campaigns.cast import Customer
from tests.acceptance.campaigns.world import World
from tests.acceptance.launch.consoles import free_port
from tests.clock import Clock
from tests.fakes import apns, fcm
from tests.fakes.certificates import CA_FILE, server_and_client_contexts
from tests.fakes.webhook_receiver import WebhookReceiver, receiving
from tests.faults.conftest import house, own_postgres
from tests.faults.house import House
from tests.rpc_clients import ConnectCaller, NativeCaller

__all__ = ["house", "own_postgres"]


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def google() -> Iterator[fcm.FakeFcm]:
    with fcm.faking_fcm() as fake:
        yield fake


@pytest.fixture
def apple(tmp_path: Path) -> Iterator[apns.FakeApns]:
    context, _ = server_and_client_contexts(tmp_path, "apns.example")
    with apns.faking_apns(context) as fake:
        yield fake


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def world(
    clock: Clock, google: fcm.FakeFcm, apple: apns.FakeApns, receiver: WebhookReceiver, house: House, tmp_path: Path
) -> Iterator[World]:
    """One process of each kind, all ready."""
    providers = {"FCM_URL": google.url, "FCM_TOKEN_URL": google.token_url, "APNS_URL": apple.url}
    pushing = {**providers, "PUSH_CA_FILE": str(tmp_path / CA_FILE), "PUSH_CONSOLE": "0"}
    grpc_port = free_port()
    house.start("web", **clock.variables, WEB_PROCESSES="1")
    house.start("grpc", **clock.variables, GRPC_PROCESSES="1", GRPC_PORT=str(grpc_port))
    house.start("worker", **clock.variables, **pushing, WORKER_PROCESSES="2")
    house.start("beat", **clock.variables)
    url = f"http://127.0.0.1:{house.port}"
    house.wait_until(lambda: is_ready(url))
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        connect, native = ConnectCaller(url), NativeCaller(channel)
        yield World(house, clock, google, apple, receiver, url, connect, native)


@pytest.fixture
def customer(world: World) -> Iterator[Customer]:
    made = Customer(world, "Loft Keepers")
    yield made
    made.rest.close()


def is_ready(url: str) -> bool:
    """Whether web, database, Valkey, worker and beat all work."""
    try:
        return httpx.get(f"{url}/readyz?all=1", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
