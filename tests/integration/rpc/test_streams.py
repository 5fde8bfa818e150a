"""A method that answers with many messages."""

from __future__ import annotations

import struct
import time
from typing import Any

import grpc
import httpx

from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from tests.integration.rpc.sample import SECRET
from tests.integration.rpc.waiting import n_sleeping
from tests.rpc_clients import Client

METHOD = "pidgr.v1.RenderService/RenderBatch"
USERS = [f"01890a5d-ac96-774b-bcce-b302099a{number:04x}" for number in range(5000)]
TEMPLATE = "01890a5d-ac96-774b-bcce-b302099a8057"


def batch(*does: str) -> RenderBatchRequest:
    users = [UserRenderContext(user_id=user, variables={"do": do}) for user, do in zip(USERS, does, strict=False)]
    return RenderBatchRequest(template_id=TEMPLATE, version=1, users=users)


def test_messages_come_in_their_order(any_client: Client, render_key: str) -> None:
    outcome = any_client.call("RenderService/RenderBatch", batch(*[""] * 300), key=render_key)
    assert outcome.code == "ok"
    assert [response.user_id for response in outcome.responses] == USERS[:300]
    assert outcome.headers["x-request-id"]


def test_a_stream_may_be_empty(any_client: Client, render_key: str) -> None:
    outcome = any_client.call("RenderService/RenderBatch", batch(), key=render_key)
    assert (outcome.code, outcome.responses) == ("ok", ())


def test_an_error_before_the_first_message(any_client: Client, render_key: str) -> None:
    outcome = any_client.call("RenderService/RenderBatch", batch("missing"), key=render_key)
    assert (outcome.code, outcome.responses) == ("not_found", ())


def test_an_error_after_some_messages(any_client: Client, render_key: str) -> None:
    outcome = any_client.call("RenderService/RenderBatch", batch("", "", "missing", ""), key=render_key)
    assert outcome.code == "not_found"
    assert len(outcome.responses) == 2


def test_a_failure_amid_a_stream_tells_the_request_id_and_nothing_else(any_client: Client, render_key: str) -> None:
    outcome = any_client.call("RenderService/RenderBatch", batch("", "fail"), key=render_key)
    assert outcome.code == "internal"
    assert outcome.headers["x-request-id"] in outcome.message
    assert SECRET not in outcome.message


def test_a_stream_ends_when_its_reader_goes_away(rpc_url: str, channel: grpc.Channel, render_key: str) -> None:
    request = batch(*["sleep"] * 200)
    headers = {"authorization": f"Bearer {render_key}", "content-type": "application/connect+proto"}
    body = struct.pack(">BI", 0, len(request.to_binary())) + request.to_binary()
    with httpx.stream("POST", f"{rpc_url}/{METHOD}", content=body, headers=headers) as answer:
        next(answer.iter_raw())
    wait_until_quiet()

    started: Any = channel.unary_stream(f"/{METHOD}", request_serializer=lambda message: message.to_binary())
    call = started(request, metadata=[("authorization", f"Bearer {render_key}")])
    next(call)
    call.cancel()
    wait_until_quiet()


def wait_until_quiet() -> None:
    """Wait until nothing was asked of the database for longer than a message takes."""
    end = time.monotonic() + 60
    quiet_since = time.monotonic()
    while time.monotonic() < quiet_since + 1.5:
        if n_sleeping():
            quiet_since = time.monotonic()
        assert time.monotonic() < end
        time.sleep(0.02)
