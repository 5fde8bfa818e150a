"""How large a request may be, as it is read: compressed or not, by every protocol."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import grpc
import httpx
import pytest
from connectrpc.compression.gzip import GzipCompression
from connectrpc.protocol import ProtocolType

from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest
from tests.rpc_clients import Client, ConnectCaller, NativeCaller

MEBIBYTE = 2**20
CREATE = "/pidgr.v1.GroupService/CreateGroup"


@pytest.fixture(params=["connect", "connect-gzip", "grpc-web", "grpc-web-gzip", "native", "native-gzip"])
def sender(request: pytest.FixtureRequest) -> Client:
    protocol, _, compression = request.param.partition("-gzip")[0], None, request.param.endswith("gzip")
    if protocol == "native":
        channel = request.getfixturevalue("channel")
        return NativeCaller(channel, grpc.Compression.Gzip if compression else grpc.Compression.NoCompression)
    kind = ProtocolType.GRPC_WEB if protocol == "grpc-web" else ProtocolType.CONNECT
    packing = GzipCompression() if compression else None
    return ConnectCaller(request.getfixturevalue("rpc_url"), protocol=kind, send_compression=packing)


def of_size(n_bytes: int) -> CreateGroupRequest:
    """A request of exactly so many bytes, refused for its length once it is read."""
    request = CreateGroupRequest(name="x" * (n_bytes - 4))
    assert len(request.to_binary()) == n_bytes
    return request


def test_a_request_may_have_as_many_bytes_as_its_method_takes(sender: Client, key: str) -> None:
    assert sender.call("GroupService/CreateGroup", of_size(MEBIBYTE), key=key).code == "invalid_argument"
    outcome = sender.call("GroupService/CreateGroup", of_size(MEBIBYTE + 1), key=key)
    assert (outcome.code, outcome.message) == ("resource_exhausted", "The request is larger than 1048576 bytes.")
    assert "retry-after" not in outcome.headers


def test_some_methods_take_more(sender: Client, render_key: str) -> None:
    request = RenderBatchRequest(template_id="x" * 31 * MEBIBYTE)
    assert sender.call("RenderService/RenderBatch", request, key=render_key).code == "invalid_argument"
    request = RenderBatchRequest(template_id="x" * 33 * MEBIBYTE)
    assert sender.call("RenderService/RenderBatch", request, key=render_key).code == "resource_exhausted"


def test_who_may_not_call_is_told_so_however_large_the_request(rpc_url: str, committed_db: None) -> None:
    for headers in ({}, {"expect": "100-continue"}):
        answer = httpx.post(rpc_url + CREATE, content=b" " * 20 * MEBIBYTE, headers={**JSON, **headers})
        assert answer.status_code == 401


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("has_length", [False, True])
def test_a_large_body_is_read_to_its_end_and_refused(rpc_url: str, key: str, http2: bool, has_length: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * MEBIBYTE

    content = b"".join(pieces()) if has_length else pieces()
    headers = {"authorization": f"Bearer {key}", **JSON}
    with httpx.Client(http1=not http2, http2=http2) as client:
        answer = client.post(rpc_url + CREATE, content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "resource_exhausted")
        assert client.post(rpc_url + CREATE, json={"name": "next"}, headers=headers).status_code == 200


def test_a_compressed_bomb_is_not_unpacked(rpc_url: str, key: str) -> None:
    bomb = gzip.compress(b" " * 50 * MEBIBYTE)
    headers = {"authorization": f"Bearer {key}", "content-encoding": "gzip", **JSON}
    assert httpx.post(rpc_url + CREATE, content=bomb, headers=headers).status_code == 413


def test_a_body_beyond_all_measure_is_cut(rpc_url: str, key: str) -> None:
    address = urlsplit(rpc_url)
    head = f"POST {CREATE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\n"
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as link:
        link.sendall(f"{head}content-length: {10**12}\r\n\r\n".encode())
        sent = 0
        with suppress(ConnectionError, TimeoutError):
            while sent < 200 * MEBIBYTE:
                link.sendall(b" " * MEBIBYTE)
                sent += MEBIBYTE
        assert sent < 100 * MEBIBYTE
