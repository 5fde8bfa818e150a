"""Every method of the contract, over Connect and native gRPC: who may call it, what it refuses, that it works."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from protobuf import Message, Oneof
from pytest_django import DjangoDbBlocker

from tests.acceptance.wire.rows import ROWS, Row, World
from tests.contract import CLASSES, CONTRACT, MESSAGES, Field, fields_of, valid
from tests.fakes.identity_provider import providing
from tests.fixtures_db import restore
from tests.pidgr import Tenant
from tests.rpc_clients import Client, ConnectCaller, NativeCaller
from tests.web import native_server, web_server

METHODS = [(service, method) for service, methods in CONTRACT["services"].items() for method in methods]
IDS = [f"{service}.{method}" for service, method in METHODS]
NO_LIMITS = {"RATE_PER_S": "1000000", "RATE_BURST": "1000000", "FAILED_AUTH_PER_MINUTE": "1000000"}
OTHERS_KEY = "pidgr_k_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def world(
    pristine_tables: list[str], django_db_blocker: DjangoDbBlocker, idp_certificate: tuple[ssl.SSLContext, Path]
) -> Iterator[World]:
    with django_db_blocker.unblock(), providing(idp_certificate[0]) as provider:
        yield World(Tenant.new(), Tenant.new("Others"), provider.serve_discovery())
        restore(pristine_tables)


@pytest.fixture(scope="module")
def clients(world: World, idp_certificate: tuple[ssl.SSLContext, Path]) -> Iterator[list[Client]]:
    """One of each adapter, in front of servers that count neither requests nor failures."""
    trusting = {"SSO_ALLOW_LOOPBACK": "1", "SSO_CA_FILE": str(idp_certificate[1]), "SSO_CHECKS_PER_MINUTE": "1000000"}
    settings = NO_LIMITS | trusting
    with ExitStack() as stack:
        url = stack.enter_context(web_server(settings))
        native = stack.enter_context(native_server(settings))
        channel = stack.enter_context(grpc.insecure_channel(native.address))
        yield [ConnectCaller(url), NativeCaller(channel)]


def request_of(world: World, row: Row) -> Message[Any]:
    row.prepare(world)
    request = row.happy(world.own)
    if request.desc().name == "CreateSSOProviderRequest":
        request.metadata_url = world.metadata_url
    return request


def test_the_rows_are_those_of_the_contract() -> None:
    assert {service: set(methods) for service, methods in ROWS.items()} == {
        service: set(methods) for service, methods in CONTRACT["services"].items()
    }


@pytest.mark.parametrize(("service", "method"), METHODS, ids=IDS)
class TestEvery:
    def test_works_for_who_may_call_it_and_for_nobody_else(
        self, service: str, method: str, world: World, clients: list[Client]
    ) -> None:
        row, name = ROWS[service][method], f"{service}/{method}"
        is_open = service == "SSOService" and method == "CheckSSOByDomain"
        for client in clients:
            request = request_of(world, row)
            assert client.call(name, request).code == ("ok" if is_open else "unauthenticated")
            assert client.call(name, request, key=OTHERS_KEY).code == "unauthenticated"
            for refused in row.refused:
                assert client.call(name, request, key=world.credential(refused)).code == "permission_denied", refused
            without = "person without a right" if row.by == "person" else "key without a right"
            assert client.call(name, request_of(world, row), key=world.credential(without)).code == row.without
            outcome = client.call(name, request_of(world, row), key=world.credential(row.by))
            assert (outcome.code, outcome.violations) == ("ok", ())

    def test_anothers_row_is_not_there(self, service: str, method: str, world: World, clients: list[Client]) -> None:
        row, name = ROWS[service][method], f"{service}/{method}"
        if row.foreign is None:
            assert not names_a_row(CONTRACT["services"][service][method]["request"])
            return
        for client in clients:
            request = request_of(world, row)
            theirs = getattr(row.happy(world.other), row.foreign)
            setattr(request, row.foreign, theirs)
            assert client.call(name, request, key=world.credential(row.by)).code == row.foreign_code

    def test_every_limit_is_held(self, service: str, method: str, world: World, clients: list[Client]) -> None:
        row, name = ROWS[service][method], f"{service}/{method}"
        happy = request_of(world, row).to_binary()
        for field, value in refused_values(CONTRACT["services"][service][method]["request"]):
            for client in clients:
                request = with_value(CLASSES[field.message].from_binary(happy), field, value)
                outcome = client.call(name, request, key=world.credential(row.by))
                assert outcome.code == "invalid_argument", (str(field), str(value)[:80])
                assert field.name in " ".join(path for path, _ in outcome.violations), str(field)


def refused_values(message: str) -> Iterator[tuple[Field, Any]]:
    """What each field of a message refuses, with what it holds in turn."""
    for field in fields_of(message):
        for value in field.field_samples().refused:
            yield field, value
        if field.kind in MESSAGES:
            for inner, value in refused_values(field.kind):
                held = with_value(valid(field.kind), inner, value)
                yield field, [held] if field.facts["type"].startswith("repeated ") else held


def names_a_row(request: str) -> bool:
    """Whether a request has an id of a row, so that somebody else's could be given."""
    return any(field.is_uuid for field in fields_of(request) if field.name != "role_id")


def with_value(message: Message[Any], field: Field, value: Any) -> Message[Any]:
    in_oneof = field.facts.get("oneof")
    setattr(message, in_oneof or field.name, Oneof(field.name, value) if in_oneof else value)
    return message
