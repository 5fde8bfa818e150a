"""What is native gRPC's own: health, reflection, its end, and the limits of a connection."""

from __future__ import annotations

import gzip
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import grpc
import h2.config
import h2.connection
import h2.events
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest, ListGroupsRequest
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from ops_console.gen.pidgr.v1.sso_pb import CheckSSOByDomainRequest
from ops_console.organizations.models import Group
from ops_console.rpc.methods import METHODS
from ops_console.rpc.native.reflection import NAMES
from tests import callers, factories
from tests.integration.rpc.conftest import ENVIRON
from tests.integration.rpc.waiting import n_sleeping, wait_until
from tests.rpc_clients import NativeCaller
from tests.web import native_server

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = [f"pidgr.v1.{name}" for name in METHODS]
USER = "01890a5d-ac96-774b-bcce-b302099a8057"


# --- Health and reflection -----------------------------------------------------------------------------------------


def check(channel: grpc.Channel, service: str = "") -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status


def test_health(channel: grpc.Channel) -> None:
    assert [check(channel, service) for service in ("", *SERVICES)] == [SERVING] * (len(SERVICES) + 1)
    with pytest.raises(grpc.RpcError) as refused:
        check(channel, "pidgr.v1.Nothing")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_tells_every_service_with_its_messages_and_rules(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {*SERVICES, *NAMES, "grpc.health.v1.Health"}
    pool = DescriptorPool(database)
    for name, methods in METHODS.items():
        assert {method.name for method in pool.FindServiceByName(f"pidgr.v1.{name}").methods} == set(methods)
    message = pool.FindMessageTypeByName("pidgr.v1.CreateGroupRequest")
    assert [field.name for field in message.fields] == ["name", "description"]
    rules: Any = pool.FindFileByName("buf/validate/validate.proto").extensions_by_name["field"]
    options = message.fields_by_name["name"].GetOptions()
    told = GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions")).FromString(
        options.SerializeToString()
    )
    assert told.Extensions[rules].string.max_len == 200


@pytest.mark.parametrize("name", NAMES)
def test_reflection_by_both_names(channel: grpc.Channel, name: str) -> None:
    talk: Any = channel.stream_stream(
        f"/{name}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (response,) = talk(iter([request]), timeout=10)
    assert len(response.list_services_response.service) == len(SERVICES) + 3


def test_strangers_who_never_end_talking_take_no_thread_from_calls(channel: grpc.Channel, key: str) -> None:
    done = threading.Event()

    def never_ending() -> Any:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        done.wait(60)

    talk: Any = channel.stream_stream(
        f"/{NAMES[0]}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    held = [talk(never_ending()) for _ in range(20)]
    assert next(held[0]).list_services_response
    assert NativeCaller(channel).call("GroupService/ListGroups", ListGroupsRequest(), key=key).code == "ok"
    with pytest.raises(grpc.RpcError) as cut:
        next(held[0])
    assert cut.value.code() is grpc.StatusCode.CANCELLED
    done.set()
    for call in held:
        call.cancel()


# --- Who calls -----------------------------------------------------------------------------------------------------


def test_the_address_is_the_clients_behind_a_trusted_proxy(channel: grpc.Channel, committed_db: None) -> None:
    request = CheckSSOByDomainRequest(email="a@customer.example")
    caller = NativeCaller(channel)
    assert caller.call("SSOService/CheckSSOByDomain", request).response.provider_name == "127.0.0.1"
    headers = {"x-forwarded-for": "10.9.8.7, 192.0.2.5"}
    outcome = caller.call("SSOService/CheckSSOByDomain", request, headers=headers)
    assert outcome.response.provider_name == "192.0.2.5"


# --- Its end -------------------------------------------------------------------------------------------------------


def test_calls_in_flight_end_and_no_more_are_taken(key: str, render_key: str) -> None:
    users = [UserRenderContext(user_id=USER, variables={"do": "sleep"}) for _ in range(5)]
    stream = RenderBatchRequest(template_id=USER, version=1, users=users)
    unary = CreateGroupRequest(name="In flight", description="sleep 1.5")
    with native_server(ENVIRON) as server, grpc.insecure_channel(server.address) as channel:
        caller, stub = NativeCaller(channel), health_pb2_grpc.HealthStub(channel)
        watch = cast(Any, stub).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == SERVING
        with ThreadPoolExecutor(2) as pool:
            calls = [
                pool.submit(caller.call, "GroupService/CreateGroup", unary, key=key),
                pool.submit(caller.call, "RenderService/RenderBatch", stream, key=render_key),
            ]
            wait_until(lambda: n_sleeping() == 2)
            server.process.send_signal(signal.SIGTERM)
            assert next(watch).status == NOT_SERVING
            watch.cancel()
            outcomes = [call.result() for call in calls]
        assert [outcome.code for outcome in outcomes] == ["ok", "ok"]
        assert len(outcomes[1].responses) == 5
        assert server.process.wait(20) == 0
        assert caller.call("GroupService/CreateGroup", unary, key=key).code == "unavailable"
    assert Group.objects.filter(name="In flight").exists()


def test_those_who_take_too_long_are_cut(key: str) -> None:
    with native_server(ENVIRON, grace_s=0.5) as server, grpc.insecure_channel(server.address) as channel:
        with ThreadPoolExecutor(1) as pool:
            request = CreateGroupRequest(name="Late", description="sleep 3")
            call = pool.submit(NativeCaller(channel).call, "GroupService/CreateGroup", request, key=key)
            wait_until(lambda: n_sleeping() == 1)
            server.process.send_signal(signal.SIGINT)
            assert call.result().code in ("cancelled", "unavailable")
        assert server.process.wait(20) == 0


def test_two_processes_share_the_port(committed_db: None) -> None:
    with native_server(ENVIRON) as first:
        port = int(first.address.rpartition(":")[2])
        alone = n_listeners(port)
        with native_server({**ENVIRON, "GRPC_PORT": str(port)}) as second:
            wait_until(lambda: n_listeners(port) > alone)
            first.process.terminate()
            assert first.process.wait(20) == 0
            with grpc.insecure_channel(second.address) as channel:
                assert check(channel) == SERVING


def n_listeners(port: int) -> int:
    """How many sockets on this machine take connections on the port."""
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    lines = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    return sum(line[3] == "0A" and int(line[1].rpartition(":")[2], 16) == port for line in lines)


# --- On the wire ----------------------------------------------------------------------------------------


class Wire:
    """HTTP/2 without a gRPC library."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self.link = socket.create_connection((host, int(port)), timeout=10)
        self.protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.protocol.initiate_connection()

    def send(self) -> None:
        self.link.sendall(self.protocol.data_to_send())

    def events(self) -> Iterator[h2.events.Event]:
        while data := self.link.recv(65536):
            yield from self.protocol.receive_data(data)
            self.send()


@pytest.fixture
def wire(grpc_address: str) -> Iterator[Wire]:
    wire = Wire(grpc_address)
    with wire.link:
        yield wire


@pytest.mark.parametrize(
    ("n_groups", "accepted", "flag"),
    [(200, "gzip", 1), (200, "identity,deflate,gzip", 1), (200, "identity", 0), (200, None, 0), (1, "gzip", 0)],
)
def test_large_answers_are_compressed_for_those_who_take_it(
    wire: Wire, committed_db: None, n_groups: int, accepted: str | None, flag: int
) -> None:
    organization = factories.organization()
    rows = [Group(name=str(number), created_at=factories.NOW, updated_at=factories.NOW) for number in range(n_groups)]
    for row in rows:
        row.organization = organization
    Group.objects.bulk_create(rows)
    headers = {
        ":method": "POST",
        ":path": "/pidgr.v1.GroupService/ListGroups",
        ":scheme": "http",
        ":authority": "x",
        "content-type": "application/grpc",
        "te": "trailers",
        "authorization": f"Bearer {callers.organization_key(organization)}",
        **({"grpc-accept-encoding": accepted} if accepted else {}),
    }
    wire.protocol.send_headers(1, [*headers.items()])
    wire.protocol.send_data(1, bytes(5), end_stream=True)
    wire.send()
    body = b""
    for event in wire.events():
        if isinstance(event, h2.events.DataReceived):
            body += event.data or b""
        if isinstance(event, h2.events.StreamEnded):
            break
    assert body[0] == flag
    if flag:
        assert len(gzip.decompress(body[5:])) > len(body)


def test_a_client_that_pings_without_end_is_sent_away(wire: Wire) -> None:
    for number in range(10):
        wire.protocol.ping(number.to_bytes(8, "big"))
    wire.send()
    ends = (event for event in wire.events() if isinstance(event, h2.events.ConnectionTerminated))
    assert next(ends).additional_data == b"too_many_pings"
