"""What is written down of a call: one line, one measurement, no secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from pytest_django import DjangoDbBlocker

from ops_console.gen.pidgr.v1.api_key_pb import CreateApiKeyRequest
from ops_console.gen.pidgr.v1.common_pb import Permission
from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest, ListGroupsRequest
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from ops_console.organizations.models import Organization
from tests.integration.rpc.conftest import ENVIRON
from tests.integration.rpc.sample import SECRET
from tests.integration.rpc.waiting import wait_until
from tests.rpc_clients import Client, ConnectCaller, NativeCaller
from tests.web import native_server, web_server

TOKEN = "tests-only-metrics-token"
USER = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module")
def observed(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[tuple[list[Client], str]]:
    """Clients of a web server and of a grpc process that add their figures up; and the web server's address."""
    environ = {**ENVIRON, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path_factory.mktemp("metrics"))}
    with (
        django_db_blocker.unblock(),
        web_server(environ) as url,
        native_server(environ) as native,
        grpc.insecure_channel(native.address) as channel,
    ):
        yield [ConnectCaller(url), NativeCaller(channel)], url


def test_figures_of_both_processes_are_in_one_place(observed: tuple[list[Client], str], key: str) -> None:
    clients, url = observed
    for client in clients:
        client.call("GroupService/ListGroups", ListGroupsRequest(), key=key)
        client.call("GroupService/CreateGroup", CreateGroupRequest(name="taken"), key=key)
    text = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    for protocol in ("connect", "grpc"):
        for method, code in (("ListGroups", "ok"), ("CreateGroup", "already_exists")):
            labels = f'code="{code}",method="{method}",protocol="{protocol}",service="GroupService"'
            assert f"rpc_duration_seconds_count{{{labels}}} 1.0" in text


class Written:
    """What the servers wrote since the test began, or since ``begin``."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.begin()

    def begin(self) -> None:
        self.start = len(self.log.read_text()) if self.log.exists() else 0

    @property
    def text(self) -> str:
        return self.log.read_text()[self.start :]

    def lines(self) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]
        return [line for line in found if line["logger"].startswith("ops_console")]


@pytest.fixture
def written(log: Path) -> Written:
    return Written(log)


def test_a_call_has_one_line(client: Client, key: str, written: Written) -> None:
    written.begin()
    outcome = client.call("GroupService/ListGroups", ListGroupsRequest(), key=key)
    (line,) = written.lines()
    assert line["duration_ms"] > 0
    told = {name: line[name] for name in ("event", "request_id", "service", "method", "code", "organization")}
    assert told == {
        "event": "rpc",
        "request_id": outcome.headers["x-request-id"],
        "service": "GroupService",
        "method": "ListGroups",
        "code": "ok",
        "organization": str(Organization.objects.get().pk),
    }
    assert line["actor"].startswith("key:pidgr_k_")


def test_a_stream_has_one_line_at_its_end(client: Client, render_key: str, written: Written) -> None:
    users = [UserRenderContext(user_id=USER, variables={"do": do}) for do in ("", "", "missing")]
    written.begin()
    client.call(
        "RenderService/RenderBatch", RenderBatchRequest(template_id=USER, version=1, users=users), key=render_key
    )
    # It comes after the last message, which the caller has by now.
    wait_until(lambda: bool(written.lines()))
    (line,) = written.lines()
    assert (line["method"], line["code"]) == ("RenderBatch", "not_found")


def test_secrets_are_not_written_down(client: Client, key: str, written: Written) -> None:
    request = CreateApiKeyRequest(name="A telling name", permissions=[Permission.ORG_READ])
    assert client.call("ApiKeyService/CreateApiKey", request, key=key).response.key == SECRET
    client.call("ApiKeyService/CreateApiKey", request, key=key[:-1])
    assert len(written.lines()) >= 2
    for secret in (key, key[:-1], SECRET, "A telling name"):
        assert secret not in written.text


def test_a_failure_has_its_trace_in_the_log(client: Client, key: str, written: Written) -> None:
    outcome = client.call("GroupService/CreateGroup", CreateGroupRequest(name="failure"), key=key)
    failure, line = written.lines()
    assert (failure["level"], line["code"]) == ("error", "internal")
    assert "RuntimeError" in failure["exception"]
    assert failure["request_id"] == line["request_id"] == outcome.headers["x-request-id"]
