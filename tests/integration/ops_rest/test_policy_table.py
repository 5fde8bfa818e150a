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
SINGLE = {"webhook-secret", "heatmaps", "heatmap-settings", "replay-settings"}
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
def test_a_row(pair: Pair, subtests: pytest.Subtests) -> None:
    request = scenario(pair)
    everything_else = [other for other in PAIRS if POLICY[other].staff != POLICY[pair].staff]
    n_audited = AuditEntry.objects.count()
    with subtests.test("not signed in"):
        assert send(ops.ApiClient(), request).status_code == 401
    with subtests.test("not permitted"):
        assert send(ops.client(*everything_else), request).status_code == 403
    client = permitted(pair, request)
    if pair in OF_ONE:
        with subtests.test("not there"):
            what_is_not_there(client, request)
    if pair in WITH_BODY:
        with subtests.test("malformed"):
            a_malformed_body(client, request)
    assert AuditEntry.objects.count() == n_audited
    with subtests.test("works"):
        answer = send(client, request, key="k1" if request.method == "POST" else None)
        assert answer.status_code in (200, 201, 204), answer.content
        assert AuditEntry.objects.count() > n_audited or pair not in CHANGES
    if pair in CHANGES and request.method == "POST":
        with subtests.test("repeated"):
            a_repetition(client, request, answer)


def what_is_not_there(client: ops.ApiClient, request: Request) -> None:
    resource, _, action = request.path.split("/") if request.path.count("/") == 2 else (*request.path.split("/"), "")
    for name in (NOWHERE, "x", "%20"):
        path = f"{resource}/{name}/{action}".rstrip("/")
        assert client.send(path, request.body, method=request.method).status_code == 404, path


def a_malformed_body(client: ops.ApiClient, request: Request) -> None:
    body = request.body or {}
    assert client.send(request.path, b"{", method=request.method).status_code == 400
    assert client.send(request.path, [], method=request.method).status_code == 400
    answer = client.send(request.path, {**body, "nonsense": 1}, method=request.method)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/nonsense"]
    for name in body:
        answer = client.send(request.path, {**body, name: {"x": [None]}}, method=request.method)
        assert answer.status_code == 400, name
        assert {error["pointer"].split("/")[1] for error in answer.json()["errors"]} == {name}


def a_repetition(client: ops.ApiClient, request: Request, first: Any) -> None:
    n_audited = AuditEntry.objects.count()
    again = send(client, request, key="k1")
    assert (again.status_code, again["Idempotency-Replayed"]) == (first.status_code, "true")
    secrets = ("authKey", "webhookSecret", "secret", "key")
    assert again.json() == {name: None if name in secrets else value for name, value in first.json().items()}
    assert AuditEntry.objects.count() == n_audited
