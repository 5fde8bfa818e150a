"""Unary ListGroups over native gRPC and over Connect JSON, each beside a bare Connect service on the same server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

from django.utils import timezone

from bench.fixtures import Login, settle
from bench.load import Measured, measure, request
from bench.native_load import NativeConnection, call
from bench.report import ROUNDS, Comparison
from bench.servers import native, web
from ops_console.organizations.models import Group

CONNECTIONS = 8
SECONDS = 3.0
# Of each organization, the default one included.
N_GROUPS = 10
METHOD = "/pidgr.v1.GroupService/ListGroups"
PRODUCT = "ops_console.wsgi:application"
PEER = "bench.bare_connect:application"


def bench_calls(logins: Sequence[Login]) -> list[Comparison]:
    """Calls a second at 8 connections, spread over the organizations so that none passes its rate limit."""
    for login in logins:
        add_groups(login)
    keys = [login.api_key for login in logins]
    settle()
    connect = Comparison("ListGroups, Connect JSON, 8 connections", "calls/s", least=1 / 4)
    grpc_calls = Comparison("ListGroups, native gRPC, 8 connections", "calls/s", least=1 / 4)
    doubled = Comparison("ListGroups, Connect JSON, two web workers beside one", "calls/s", least=1.3)
    ours, theirs = over_connect(keys), over_connect([""])
    natively = cycle([call(METHOD, authorization=f"Bearer {key}") for key in keys])
    with web(PRODUCT) as product, web(PRODUCT, workers=1) as single, web(PEER) as peer, native() as grpc_port:
        for port, requests in ((product, ours), (single, ours), (peer, theirs)):
            measure(port, requests, connections=CONNECTIONS, seconds=2)
        measured_native(grpc_port, natively)
        for _ in range(ROUNDS):
            bare = measured(peer, theirs).per_s
            connect.peer.append(bare)
            grpc_calls.peer.append(bare)
            connect.ours.append(measured(product, ours).per_s)
            grpc_calls.ours.append(measured_native(grpc_port, natively).per_s)
            doubled.peer.append(measured(single, ours).per_s)
            doubled.ours.append(measured(product, ours).per_s)
    return [connect, grpc_calls, doubled]


def add_groups(login: Login) -> None:
    """Give an organization ten groups, counting the one it came with."""
    now = timezone.now()
    Group.objects.bulk_create(
        Group(organization_id=login.organization_id, name=f"Group {number}", created_at=now, updated_at=now)
        for number in range(N_GROUPS - 1)
    )


def over_connect(keys: Sequence[str]) -> Iterator[bytes]:
    return cycle([request("POST", METHOD, authorization=f"Bearer {key}" if key else "", body=b"{}") for key in keys])


def measured(port: int, requests: Iterator[bytes]) -> Measured:
    return measure(port, requests, connections=CONNECTIONS, seconds=SECONDS)


def measured_native(port: int, requests: Iterator[bytes]) -> Measured:
    return measure(port, requests, connections=CONNECTIONS, seconds=SECONDS, connect=NativeConnection)
