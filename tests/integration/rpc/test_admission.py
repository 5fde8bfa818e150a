"""Who is let in, and in which order a call is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest, ListGroupsRequest
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest
from ops_console.gen.pidgr.v1.sso_pb import CheckSSOByDomainRequest
from ops_console.gen.pidgr.v1.team_pb import ListTeamsRequest
from ops_console.organizations.rights import Right
from tests import callers, factories
from tests.buckets import kept_empty
from tests.rpc_clients import Client, methods

INVALID = CreateGroupRequest(name="x" * 300)


@pytest.fixture
def _no_failures_counted() -> Iterator[None]:
    """Failed attempts count by address, which all tests share."""
    with Redis.from_url(settings.REDIS_URL) as valkey:
        yield
        for counted in valkey.scan_iter("*failures:*"):
            valkey.delete(counted)


def test_a_stranger_is_told_nothing_else(client: Client, committed_db: None) -> None:
    assert client.call("GroupService/CreateGroup", INVALID).code == "unauthenticated"
    assert client.call("TeamService/ListTeams", ListTeamsRequest()).code == "unauthenticated"
    assert client.call("RenderService/RenderBatch", RenderBatchRequest()).code == "unauthenticated"


@pytest.mark.usefixtures("_no_failures_counted")
def test_a_bad_credential_is_refused(client: Client, committed_db: None) -> None:
    for authorization in ("Bearer pidgr_k_nonsense", "Bearer a.b.c", "Basic YTpi", "Bearer", "x"):
        headers = {"authorization": authorization}
        outcome = client.call("GroupService/ListGroups", ListGroupsRequest(), headers=headers)
        assert outcome.code == "unauthenticated"
        assert outcome.message == "No valid credentials were given."


@pytest.mark.usefixtures("_no_failures_counted")
def test_a_bad_credential_is_refused_even_where_none_is_needed(client: Client, committed_db: None) -> None:
    request = CheckSSOByDomainRequest(email="a@customer.example")
    assert client.call("SSOService/CheckSSOByDomain", request, key="pidgr_k_nonsense").code == "unauthenticated"
    assert client.call("SSOService/CheckSSOByDomain", request).response.provider_name == "127.0.0.1"


@pytest.mark.usefixtures("_no_failures_counted")
def test_failed_attempts_are_counted_by_address(client: Client, key: str) -> None:
    codes = [client.call("GroupService/ListGroups", ListGroupsRequest(), key="bad").code for _ in range(102)]
    assert codes[0] == "unauthenticated"
    assert codes[-1] == "resource_exhausted"
    assert client.call("GroupService/ListGroups", ListGroupsRequest(), key=key).code == "ok"
    assert client.call("GroupService/ListGroups", ListGroupsRequest()).code == "unauthenticated"


def test_rights_are_asked_before_the_request_is_looked_at(client: Client, committed_db: None) -> None:
    key = callers.organization_key(rights=[Right.ORG_READ])
    assert client.call("GroupService/CreateGroup", INVALID, key=key).code == "permission_denied"


def test_the_request_is_looked_at_before_a_method_is_said_to_be_missing(client: Client, key: str) -> None:
    assert client.call("TeamService/ListTeams", ListTeamsRequest(), key=key).code == "unimplemented"
    request = methods()["TeamService/CreateTeam"].input.type(name="x" * 300)
    assert client.call("TeamService/CreateTeam", request, key=key).code == "invalid_argument"


def test_rendering_is_for_services_only(client: Client, key: str, render_key: str) -> None:
    assert client.call("RenderService/RenderBatch", RenderBatchRequest(), key=key).code == "permission_denied"
    assert client.call("RenderService/RenderBatch", RenderBatchRequest(), key=render_key).code == "invalid_argument"
    assert client.call("GroupService/ListGroups", ListGroupsRequest(), key=render_key).code == "permission_denied"


def test_an_organization_is_limited_to_its_rate(client: Client, committed_db: None) -> None:
    slow = factories.organization()
    slow.rate_per_s, slow.rate_burst = 1, 2
    slow.save()
    key, others = callers.organization_key(slow), callers.organization_key()
    assert client.call("GroupService/ListGroups", ListGroupsRequest(), key=key).code == "ok"
    with kept_empty(slow):
        outcome = client.call("GroupService/ListGroups", ListGroupsRequest(), key=key)
    assert outcome.code == "resource_exhausted"
    assert int(outcome.headers["retry-after"]) >= 1
    assert client.call("GroupService/ListGroups", ListGroupsRequest(), key=others).code == "ok"
