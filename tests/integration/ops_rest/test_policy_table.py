"""The policy table, row by row, over HTTP: for staff by the console's session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ops_console.access.policy import POLICY
from ops_console.audit.models import AuditEntry
from ops_console.urls import resource_urls
from tests import factories, ops
from tests.integration.ops_rest.scenarios import SCENARIOS, Pair, Request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
PAIRS = sorted(pair for pair in SCENARIOS if POLICY[pair].staff)
CHANGES = [pair for pair in PAIRS if pair[1] not in ("list", "retrieve")]
# What there is one of.
SINGLE = {"webhook-secret", "heatmaps", "heatmap-settings"}
# What an address names one of: the others list, or make something new.
OF_ONE = [pair for pair in PAIRS if pair[0] not in SINGLE and pair[1] not in ("list", "create", "invite")]
WITH_BODY = [pair for pair in CHANGES if pair[0] not in ("webhook-secret", "webhooks") and pair[1] != "delete"]
# Over REST the list of groups is narrowed to a member's.
RPC_ONLY = {("groups", "memberships")}
NOWHERE = "00000000-0000-0000-0000-000000000000"


def scenario(pair: Pair) -> Request:
    return SCENARIOS[pair](factories.organization())


def send(client: ops.ApiClient, request: Request, **how: Any) -> Any:
    return client.send(request.path, request.body, method=request.method, **how)


def permitted(pair: Pair, request: Request) -> ops.StaffClient:
    return ops.client(pair, *request.also)


def routed() -> Iterator[Pair]:
    """Where the addresses lead, as the table names it."""
    for route in resource_urls():
        view: Any = route.callback
        resource = view.initkwargs.get("resource", view.cls.resource)
        for action in view.actions.values():
            yield resource, view.cls.policy_actions.get(action, action)


def test_every_route_has_a_row_and_a_scenario_and_every_row_for_staff_a_route() -> None:
    assert set(routed()) == set(SCENARIOS)
    for_staff = {pair for pair, rule in POLICY.items() if rule.staff}
    assert set(SCENARIOS) | RPC_ONLY >= for_staff
    assert set(SCENARIOS) <= set(POLICY)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_who_may(pair: Pair) -> None:
    request = scenario(pair)
    assert send(ops.ApiClient(), request).status_code == 401
    n_audited = AuditEntry.objects.count()
    everything_else = [other for other in PAIRS if POLICY[other].staff != POLICY[pair].staff]
    assert send(ops.client(*everything_else), request).status_code == 403
    assert AuditEntry.objects.count() == n_audited
    answer = send(permitted(pair, request), request)
    assert answer.status_code in (200, 201, 204), answer.content
    assert AuditEntry.objects.count() > n_audited or pair not in CHANGES


@pytest.mark.parametrize("pair", OF_ONE, ids="-".join)
def test_what_is_not_there(pair: Pair) -> None:
    request = scenario(pair)
    resource, _, action = request.path.split("/") if request.path.count("/") == 2 else (*request.path.split("/"), "")
    client = permitted(pair, request)
    for name in (NOWHERE, "x", "%20"):
        path = f"{resource}/{name}/{action}".rstrip("/")
        assert client.send(path, request.body, method=request.method).status_code == 404, path


@pytest.mark.parametrize("pair", WITH_BODY, ids="-".join)
def test_a_malformed_body_changes_nothing(pair: Pair) -> None:
    request = scenario(pair)
    client = permitted(pair, request)
    n_audited = AuditEntry.objects.count()
    assert client.send(request.path, b"{", method=request.method).status_code == 400
    assert client.send(request.path, [], method=request.method).status_code == 400
    answer = client.send(request.path, {**(request.body or {}), "nonsense": 1}, method=request.method)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/nonsense"]
    for name in request.body or {}:
        answer = client.send(request.path, {**(request.body or {}), name: {"x": [None]}}, method=request.method)
        assert answer.status_code == 400, name
        assert {error["pointer"].split("/")[1] for error in answer.json()["errors"]} == {name}
    assert AuditEntry.objects.count() == n_audited


@pytest.mark.parametrize("pair", CHANGES, ids="-".join)
def test_a_repetition_changes_nothing(pair: Pair) -> None:
    request = scenario(pair)
    if request.method != "POST":
        return
    client = permitted(pair, request)
    first = send(client, request, key="k1")
    n_audited = AuditEntry.objects.count()
    again = send(client, request, key="k1")
    assert (again.status_code, again["Idempotency-Replayed"]) == (first.status_code, "true")
    secrets = ("authKey", "webhookSecret", "secret", "key")
    assert again.json() == {name: None if name in secrets else value for name, value in first.json().items()}
    assert AuditEntry.objects.count() == n_audited
