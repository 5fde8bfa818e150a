"""What is written down of a call: one line, one measurement, no secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops_console.gen.pidgr.v1.api_key_pb import CreateApiKeyRequest
from ops_console.gen.pidgr.v1.common_pb import Permission
from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest, ListGroupsRequest
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from ops_console.organizations.models import Organization
from tests.integration.rpc.sample import SECRET
from tests.integration.rpc.waiting import wait_until
from tests.rpc_clients import Client, NativeCaller

TOKEN = "tests-only-metrics-token"
USER = "01890a5d-ac96-774b-bcce-b302099a8057"


def count(url: str, protocol: str, method: str, code: str) -> float:
    """How many such calls ended so far, in all processes."""
    labels = f'code="{code}",method="{method}",protocol="{protocol}",service="GroupService"'
    text = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    found = [line for line in text.splitlines() if line.startswith(f"rpc_duration_seconds_count{{{labels}}}")]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def test_figures_of_both_processes_are_in_one_place(client: Client, rpc_url: str, key: str) -> None:
    protocol = "grpc" if isinstance(client, NativeCaller) else "connect"
    kinds = (("ListGroups", "ok"), ("CreateGroup", "already_exists"))
    before = [count(rpc_url, protocol, *kind) for kind in kinds]
    client.call("GroupService/ListGroups", ListGroupsRequest(), key=key)
    client.call("GroupService/CreateGroup", CreateGroupRequest(name="taken"), key=key)
    assert [count(rpc_url, protocol, *kind) for kind in kinds] == [number + 1 for number in before]


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
