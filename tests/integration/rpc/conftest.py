from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from connectrpc.protocol import ProtocolType
from pytest_django import DjangoDbBlocker

from tests import callers
from tests.rpc_clients import Client, ConnectCaller, NativeCaller
from tests.web import native_server, web_server

ORIGIN = "https://app.customer.example"
ENVIRON = {
    "DJANGO_SETTINGS_MODULE": "tests.integration.rpc.rpc_settings",
    "CORS_ALLOWED_ORIGINS": f"https://other.example,{ORIGIN}",
    "TRUSTED_PROXIES": "127.0.0.1",
}


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the two servers write to standard error."""
    return tmp_path_factory.mktemp("rpc") / "log"


@pytest.fixture(scope="session")
def environ(log: Path) -> dict[str, str]:
    """What the two servers are told; they add their figures up."""
    figures = log.parent / "figures"
    figures.mkdir()
    return {**ENVIRON, "PROMETHEUS_MULTIPROC_DIR": str(figures)}


@pytest.fixture(scope="session")
def rpc_url(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, log: Path, environ: dict[str, str]
) -> Iterator[str]:
    """A web server with the sample handlers, one for all tests."""
    with django_db_blocker.unblock(), web_server(environ, log=log) as url:
        yield url


@pytest.fixture(scope="session")
def grpc_address(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, log: Path, environ: dict[str, str]
) -> Iterator[str]:
    """A grpc process with the sample handlers, one for all tests."""
    with django_db_blocker.unblock(), native_server(environ, log=log) as server:
        yield server.address


@pytest.fixture(scope="session")
def channel(grpc_address: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(grpc_address) as channel:
        yield channel


@pytest.fixture(params=["connect", "native"])
def client(request: pytest.FixtureRequest) -> Client:
    """Each adapter in turn."""
    return client_of(request)


@pytest.fixture(params=["connect", "connect-json", "grpc-web", "grpc-web-json", "native"])
def any_client(request: pytest.FixtureRequest) -> Client:
    """Each protocol and form in turn."""
    return client_of(request)


def client_of(request: pytest.FixtureRequest) -> Client:
    if request.param == "native":
        return NativeCaller(request.getfixturevalue("channel"))
    protocol = ProtocolType.GRPC_WEB if request.param.startswith("grpc-web") else ProtocolType.CONNECT
    return ConnectCaller(request.getfixturevalue("rpc_url"), protocol=protocol, is_json=request.param.endswith("json"))


@pytest.fixture
def key(committed_db: None) -> str:
    """A key with every right, of an organization of its own."""
    return callers.organization_key()


@pytest.fixture
def render_key(committed_db: None) -> str:
    return callers.service_key("render")
