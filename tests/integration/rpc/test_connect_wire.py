"""Connect and gRPC-Web as they are on the wire."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ops_console.gen.pidgr.v1.group_pb import ListGroupsRequest, ListGroupsResponse
from tests.integration.rpc.conftest import ORIGIN

LIST = "/pidgr.v1.GroupService/ListGroups"
CREATE = "/pidgr.v1.GroupService/CreateGroup"
RENDER = "/pidgr.v1.RenderService/RenderBatch"
USER = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def http(request: pytest.FixtureRequest, rpc_url: str) -> Iterator[httpx.Client]:
    """A client that speaks one version of HTTP only."""
    with httpx.Client(base_url=rpc_url, http1=request.param == "HTTP/1.1", http2=request.param == "HTTP/2") as client:
        assert client.get("/healthz").http_version == request.param
        yield client


def bearer(key: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}}


def enveloped(data: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(data)) + data


def envelopes(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        found.append((flags, body[5 : 5 + length]))
        body = body[5 + length :]
    return found


def test_json_both_ways(http: httpx.Client, key: str) -> None:
    answer = http.post(CREATE, json={"name": "Pilots", "unknown": 1}, headers=bearer(key))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["group"]["name"] == "Pilots"


def test_binary_both_ways_gzipped(http: httpx.Client, key: str) -> None:
    headers = bearer(key, content_type="application/proto", content_encoding="gzip", accept_encoding="gzip")
    answer = http.post(LIST, content=gzip.compress(ListGroupsRequest().to_binary()), headers=headers)
    assert answer.headers["content-type"] == "application/proto"
    assert answer.headers["content-encoding"] == "gzip"
    assert [group.name for group in ListGroupsResponse.from_binary(answer.content).groups] == ["Everyone"]


def test_grpc_web_with_a_compressed_request(http: httpx.Client, key: str) -> None:
    headers = bearer(key, content_type="application/grpc-web+proto", grpc_encoding="gzip", x_grpc_web="1")
    request = gzip.compress(ListGroupsRequest().to_binary())
    answer = http.post(LIST, content=enveloped(request, 1), headers=headers)
    (_, message), (flags, trailers) = envelopes(answer.content)
    assert [group.name for group in ListGroupsResponse.from_binary(message).groups] == ["Everyone"]
    assert (flags, trailers) == (0x80, b"grpc-status: 0\r\n")


def test_a_body_without_a_length(http: httpx.Client, key: str) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"name": '
        yield b'"In pieces"}'

    answer = http.post(CREATE, content=body(), headers=bearer(key, content_type="application/json"))
    assert answer.json()["group"]["name"] == "In pieces"


def test_a_stream_of_json(http: httpx.Client, render_key: str) -> None:
    request = {"templateId": USER, "version": 1, "users": [{"userId": USER}, {"userId": USER}]}
    headers = bearer(render_key, content_type="application/connect+json")
    answer = http.post(RENDER, content=enveloped(json.dumps(request).encode()), headers=headers)
    found = envelopes(answer.content)
    assert [json.loads(data) for _, data in found] == [{"userId": USER}, {"userId": USER}, {}]
    assert [flags for flags, _ in found] == [0, 0, 2]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b'{"name": 5}'),
        ("application/json", b'{"name": "\xff"}'),
        ("application/proto", b"\x0a\xff"),
        ("application/grpc-web+proto", b"\x00\x00\x00\x00\x09only part"),
        ("application/grpc-web+proto", enveloped(b"\x0a\xff")),
        ("application/grpc-web+proto", b""),
        ("application/grpc-web+proto", b"\x7f\x00\x00\x00\x00"),
    ],
)
def test_a_body_that_is_no_message(rpc_url: str, key: str, content_type: str, body: bytes) -> None:
    answer = httpx.post(rpc_url + CREATE, content=body, headers=bearer(key, content_type=content_type))
    if content_type.startswith("application/grpc-web"):
        trailers = envelopes(answer.content)[-1][1].decode()
        assert "grpc-status: 3" in trailers or "grpc-status: 12" in trailers
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
        assert "class" not in answer.json()["message"]


def test_an_unknown_compression(rpc_url: str, key: str) -> None:
    answer = httpx.post(rpc_url + LIST, json={}, headers=bearer(key, content_encoding="zstd"))
    assert answer.json()["code"] == "unimplemented"


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("application/json", (501, b'{"code": "unimplemented", "message": "There is no such method."}')),
        (
            "application/connect+json",
            (200, enveloped(b'{"error": {"code": "unimplemented", "message": "There is no such method."}}', 2)),
        ),
        (
            "application/grpc-web+proto",
            (200, enveloped(b"grpc-status: 12\r\ngrpc-message: There%20is%20no%20such%20method.\r\n", 0x80)),
        ),
    ],
)
@pytest.mark.parametrize("path", ["/pidgr.v1.GroupService/Nothing", "/pidgr.v1.Nothing/ListGroups", "/pidgr.v1.x"])
def test_an_unknown_method_is_unimplemented(
    rpc_url: str, path: str, content_type: str, found: tuple[int, bytes]
) -> None:
    answer = httpx.post(rpc_url + path, content=b"{}", headers={"content-type": content_type})
    assert (answer.status_code, answer.content) == found


def test_a_method_in_the_form_of_another_kind_is_refused_after_all_else(
    rpc_url: str, key: str, render_key: str
) -> None:
    unary, stream = {"content-type": "application/json"}, {"content-type": "application/connect+json"}
    assert httpx.post(rpc_url + RENDER, content=b"{}", headers=unary).json()["code"] == "unauthenticated"
    refused = httpx.post(rpc_url + RENDER, content=b"{}", headers={**bearer(key), **unary})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    refused = httpx.post(rpc_url + RENDER, content=b"{}", headers={**bearer(render_key), **unary})
    assert refused.json()["code"] == "invalid_argument"
    assert "application/connect+json" in refused.json()["message"]
    for sent, code in (({}, "unauthenticated"), (bearer(key), "invalid_argument")):
        refused = httpx.post(rpc_url + LIST, content=enveloped(b"{}"), headers={**sent, **stream})
        assert json.loads(envelopes(refused.content)[-1][1])["error"]["code"] == code


def test_an_unknown_form_is_refused(rpc_url: str, key: str) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {**bearer(key), "content-type": content_type}
        assert httpx.post(rpc_url + LIST, content=b"{}", headers=headers).status_code == 415


def test_native_grpc_is_sent_elsewhere(rpc_url: str) -> None:
    answer = httpx.post(rpc_url + LIST, content=enveloped(b""), headers={"content-type": "application/grpc"})
    assert answer.headers["grpc-status"] == "12"
    assert "GRPC_PORT" in answer.headers["grpc-message"]


def test_a_get_is_not_allowed(rpc_url: str, key: str) -> None:
    answer = httpx.get(rpc_url + LIST, headers=bearer(key))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_address_is_the_clients_behind_a_trusted_proxy(rpc_url: str, committed_db: None) -> None:
    path, headers = "/pidgr.v1.SSOService/CheckSSOByDomain", {"x-forwarded-for": "10.9.8.7, 192.0.2.5"}
    answer = httpx.post(rpc_url + path, json={"email": "a@customer.example"}, headers=headers)
    assert answer.json() == {"providerName": "192.0.2.5"}


# --- Pages of other origins ----------------------------------------------------------------------------------------


def preflight(url: str, path: str, origin: str) -> httpx.Response:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    return httpx.options(url + path, headers={"origin": origin, **asked})


@pytest.mark.parametrize("path", [LIST, "/auth/otp/start", "/api/v1/messages"])
def test_a_preflight_from_a_known_origin(rpc_url: str, path: str) -> None:
    answer = preflight(rpc_url, path, ORIGIN)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["vary"] == "Origin"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    wanted = {"authorization", "content-type", "connect-protocol-version", "connect-timeout-ms", "x-grpc-web"}
    assert wanted | {"x-user-agent", "grpc-timeout", "idempotency-key"} <= set(allowed)
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{ORIGIN}.evil.example", "null", "http://app.customer.example"]
)
def test_a_preflight_from_another_origin(rpc_url: str, origin: str) -> None:
    answer = preflight(rpc_url, LIST, origin)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_answers_and_errors_may_be_read_by_pages_of_a_known_origin(rpc_url: str, key: str) -> None:
    for sent in (bearer(key), {}):
        answer = httpx.post(rpc_url + LIST, json={}, headers={**sent, "origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"} <= set(exposed)
    other: Any = httpx.post(rpc_url + LIST, json={}, headers={**bearer(key), "origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_the_console_is_for_its_own_origin(rpc_url: str) -> None:
    assert "access-control-allow-origin" not in httpx.get(rpc_url + "/healthz", headers={"origin": ORIGIN}).headers
