"""Unary ListGroups over native gRPC and over Connect JSON, each beside a bare Connect service on the same server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import grpc
from django.utils import timezone

from bench.fixtures import Login, settle
from bench.load import Measured, measure, request
from bench.report import ROUNDS, Comparison
from bench.servers import native, web
from ops_console.gen.pidgr.v1.group_pb import ListGroupsRequest
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
    with web(PRODUCT) as product, web(PRODUCT, workers=1) as single, web(PEER) as peer, native() as address:
        for port, requests in ((product, ours), (single, ours), (peer, theirs)):
            measure(port, requests, connections=CONNECTIONS, seconds=2)
        measure_native(address, keys, seconds=2)
        for _ in range(ROUNDS):
            bare = measured(peer, theirs).per_s
            connect.peer.append(bare)
            grpc_calls.peer.append(bare)
            connect.ours.append(measured(product, ours).per_s)
            grpc_calls.ours.append(measure_native(address, keys, seconds=SECONDS).per_s)
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


@dataclass
class Caller:
    """One connection that sends its next call when the last is answered."""

    address: str
    keys: Iterator[str]
    until: float

    def run(self, into: list[float]) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.address, options=options) as channel:
            call: Any = channel.unary_unary(METHOD)
            body = ListGroupsRequest().to_binary()
            while (began := time.perf_counter()) < self.until:
                call(body, metadata=(("authorization", f"Bearer {next(self.keys)}"),))
                into.append((time.perf_counter() - began) * 1000)


def measure_native(address: str, keys: Sequence[str], *, seconds: float) -> Measured:
    """Call over the connections for that long; any error ends it."""
    start = time.perf_counter()
    result = Measured(elapsed_s=seconds)
    callers = [Caller(address, cycle(keys[number::CONNECTIONS]), start + seconds) for number in range(CONNECTIONS)]
    failures: list[BaseException] = []

    def run(caller: Caller) -> None:
        try:
            caller.run(result.latencies_ms)
        except grpc.RpcError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[caller]) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    result.elapsed_s = time.perf_counter() - start
    return result
