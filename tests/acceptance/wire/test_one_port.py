"""Everything through Envoy's one TLS port, by the clients the overview names."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pyqwest
import pytest
from connectrpc.protocol import ProtocolType
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest, ListGroupsRequest
from tests.acceptance.wire.edge import Edge, run_edge
from tests.rpc_clients import Client, ConnectCaller, NativeCaller
from tests.waiting import wait_until

LIST = "/pidgr.v1.GroupService/ListGroups"


@pytest.fixture
def channel(edge: Edge) -> Iterator[grpc.Channel]:
    credentials = grpc.ssl_channel_credentials(edge.certificate.read_bytes())
    with grpc.secure_channel(f"localhost:{edge.port}", credentials) as channel:
        yield channel


@pytest.fixture(params=["connect", "connect-json", "grpc-web", "native"])
def client(request: pytest.FixtureRequest, edge: Edge) -> Client:
    if request.param == "native":
        return NativeCaller(request.getfixturevalue("channel"))
    protocol = ProtocolType.GRPC_WEB if request.param == "grpc-web" else ProtocolType.CONNECT
    transport = pyqwest.SyncHTTPTransport(tls_ca_cert=edge.certificate.read_bytes())
    http = pyqwest.SyncClient(transport)
    return ConnectCaller(edge.url, protocol=protocol, is_json=request.param.endswith("json"), http_client=http)


@pytest.mark.parametrize("http2", [False, True])
def test_rest_and_the_console_answer(edge: Edge, key: str, http2: bool) -> None:
    with edge.client(http1=not http2, http2=http2, headers={"Authorization": f"Bearer {key}"}) as client:
        answer = client.get("/api/v1/messages", headers={"X-Request-Id": "caller-own-id"})
        assert answer.headers["X-Request-Id"] == "caller-own-id"
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")
        assert answer.json()["results"] == []
        assert client.get("/admin/login/").status_code == 200


def test_every_protocol_of_rpc_answers(client: Client, key: str) -> None:
    made = client.call("GroupService/CreateGroup", CreateGroupRequest(name="Loft"), key=key).response.group
    groups = client.call("GroupService/ListGroups", ListGroupsRequest(), key=key).response.groups
    assert made.id in {group.id for group in groups}
    assert client.call("GroupService/ListGroups", ListGroupsRequest()).code == "unauthenticated"


def test_health_and_reflection_pass(channel: grpc.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert "pidgr.v1.GroupService" in ProtoReflectionDescriptorDatabase(channel).get_services()


@pytest.mark.parametrize("content_type", ["application/proto", "application/grpc"])
def test_the_clients_address_arrives_whatever_the_client_says(edge: Edge, key: str, content_type: str) -> None:
    body = CreateGroupRequest(name="Loft").to_binary()
    if content_type == "application/grpc":
        body = struct.pack(">BI", 0, len(body)) + body
    headers = {
        "authorization": f"Bearer {key}",
        "x-forwarded-for": "192.0.2.7",
        "content-type": content_type,
        "te": "trailers",
    }
    transport = httpx.HTTPTransport(http1=False, http2=True, local_address="127.0.0.9", verify=edge.tls)
    with httpx.Client(transport=transport) as client:
        answer = client.post(f"{edge.url}/pidgr.v1.GroupService/CreateGroup", content=body, headers=headers)
    assert answer.status_code == 200
    assert AuditEntry.objects.latest("id").address == "127.0.0.9"


@pytest.mark.parametrize("version", [pyqwest.HTTPVersion.HTTP1, pyqwest.HTTPVersion.HTTP2])
def test_a_body_that_no_method_takes_is_refused_at_the_edge(edge: Edge, version: pyqwest.HTTPVersion) -> None:
    transport = pyqwest.SyncHTTPTransport(tls_ca_cert=edge.certificate.read_bytes(), http_version=version)
    answer = pyqwest.SyncClient(transport).post(f"{edge.url}{LIST}", content=bytes(34 * 2**20))
    assert answer.status == 413


def test_a_drained_edge_finishes_what_it_began_and_takes_nothing_new(
    upstreams: dict[str, int], key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with run_edge(upstreams, tmp_path_factory.mktemp("drained")) as edge, edge.client() as client:
        began, drained = threading.Event(), threading.Event()
        answers = []

        def body() -> Iterator[bytes]:
            yield b"{"
            began.set()
            drained.wait(30)
            yield b"}"

        def ask() -> None:
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            answers.append(client.post(LIST, content=body(), headers=headers))

        asking = threading.Thread(target=ask)
        asking.start()
        began.wait(30)
        assert edge.admin("/drain_listeners?graceful").status_code == 200
        wait_until(lambda: refuses(edge))
        drained.set()
        asking.join(30)
    assert [answer.status_code for answer in answers] == [200]


def refuses(edge: Edge) -> bool:
    try:
        with edge.client() as client:
            client.get("/healthz")
    except httpx.ConnectError:
        return True
    time.sleep(0.1)
    return False
