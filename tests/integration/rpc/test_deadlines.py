"""A caller's deadline ends the call, on this side too."""

from __future__ import annotations

import time

import httpx

from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from ops_console.organizations.models import Group
from tests.integration.rpc.waiting import n_sleeping, wait_until
from tests.rpc_clients import Client

USER = "01890a5d-ac96-774b-bcce-b302099a8057"
CREATE = "/pidgr.v1.GroupService/CreateGroup"


def test_a_call_within_its_deadline_is_answered(client: Client, key: str) -> None:
    request = CreateGroupRequest(name="Pilots", description="sleep 0.01")
    assert client.call("GroupService/CreateGroup", request, key=key, timeout_s=30).response.group.name == "Pilots"


def test_a_statement_ends_with_the_deadline(client: Client, key: str) -> None:
    request = CreateGroupRequest(name="Late", description="sleep 60")
    outcome = client.call("GroupService/CreateGroup", request, key=key, timeout_s=0.5)
    assert outcome.code == "deadline_exceeded"
    wait_until(lambda: n_sleeping() == 0)
    assert not Group.objects.filter(name="Late").exists()


def test_no_statement_begins_after_the_deadline(client: Client, key: str) -> None:
    request = CreateGroupRequest(name="Late", description="idle 0.6")
    assert client.call("GroupService/CreateGroup", request, key=key, timeout_s=0.3).code == "deadline_exceeded"
    time.sleep(0.5)
    assert not Group.objects.filter(name="Late").exists()


def test_the_server_itself_says_that_the_deadline_has_passed(rpc_url: str, key: str) -> None:
    headers = {"authorization": f"Bearer {key}", "connect-timeout-ms": "200"}
    for description in ("sleep 60", "idle 0.4"):
        body = {"name": "Late", "description": description}
        answer = httpx.post(rpc_url + CREATE, json=body, headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
        assert answer.elapsed.total_seconds() < 30


def test_one_callers_deadline_is_not_the_next_ones(client: Client, key: str) -> None:
    for _ in range(4):
        request = CreateGroupRequest(name="Late", description="sleep 60")
        assert client.call("GroupService/CreateGroup", request, key=key, timeout_s=0.2).code == "deadline_exceeded"
    wait_until(lambda: n_sleeping() == 0)
    for number in range(8):
        request = CreateGroupRequest(name=f"In time {number}", description="sleep 0.4")
        assert client.call("GroupService/CreateGroup", request, key=key).code == "ok"


def test_a_deadline_ends_a_stream_between_two_messages(client: Client, render_key: str) -> None:
    users = [UserRenderContext(user_id=USER, variables={"do": "sleep"}) for _ in range(50)]
    request = RenderBatchRequest(template_id=USER, version=1, users=users)
    outcome = client.call("RenderService/RenderBatch", request, key=render_key, timeout_s=3)
    assert outcome.code == "deadline_exceeded"
    assert 1 <= len(outcome.responses) < 50
    wait_until(lambda: n_sleeping() == 0)


def test_a_deadline_that_is_none(rpc_url: str, key: str) -> None:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    for timeout, status in (("soon", 400), ("-5", 400), ("9" * 11, 400), ("9" * 10, 200)):
        body = f'{{"name": "within {timeout}"}}'
        answer = httpx.post(rpc_url + CREATE, content=body, headers={**headers, "connect-timeout-ms": timeout})
        assert answer.status_code == status
