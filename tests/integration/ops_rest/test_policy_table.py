"""The policy table, row by row, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from ops_console.access.policy import POLICY
from ops_console.audit.models import AuditEntry
from ops_console.urls import staff_urls
from tests import ops
from tests.integration.ops_rest.scenarios import SCENARIOS, Pair, Request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
PAIRS = sorted(POLICY)
CHANGES = [pair for pair in PAIRS if pair[1] not in ("list", "retrieve")]
# What an address names one of: the others list, or make something new.
OF_ONE = [pair for pair in PAIRS if pair[0] != "webhook-secret" and pair[1] not in ("list", "create")]
WITH_BODY = [pair for pair in CHANGES if pair[0] not in ("webhook-secret", "webhooks") and pair[1] != "delete"]
# Only POST takes an Idempotency-Key.
PUT_PATCH_DELETE = {("couriers", "create"), ("recipients", "update"), ("recipients", "delete")}
POSTS = [pair for pair in CHANGES if pair not in PUT_PATCH_DELETE]
NOWHERE = "00000000-0000-0000-0000-000000000000"


def send(client: Any, request: Request, **how: Any) -> Any:
    return ops.StaffClient.send(client, request.path, request.body, method=request.method, **how)


def permitted(pair: Pair, request: Request) -> ops.StaffClient:
    return ops.client(pair, *request.also)


def routed() -> Iterator[Pair]:
    """Where the addresses lead, as the table names it."""
    for route in staff_urls():
        view: Any = route.callback
        resource = view.initkwargs.get("resource", view.cls.resource)
        for action in view.actions.values():
            yield resource, view.cls.policy_actions.get(action, action)


def test_every_row_has_a_route_and_every_route_a_row() -> None:
    assert set(routed()) == set(POLICY) == set(SCENARIOS)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_who_may(pair: Pair) -> None:
    request = SCENARIOS[pair]()
    assert send(Client(), request).status_code == 401
    n_audited = AuditEntry.objects.count()
    everything_else = [other for other in PAIRS if POLICY[other].staff != POLICY[pair].staff]
    assert send(ops.client(*everything_else), request).status_code == 403
    assert AuditEntry.objects.count() == n_audited
    answer = send(permitted(pair, request), request)
    assert answer.status_code in (200, 201, 204), answer.content
    assert AuditEntry.objects.count() > n_audited or pair not in CHANGES


@pytest.mark.parametrize("pair", OF_ONE, ids="-".join)
def test_what_is_not_there(pair: Pair) -> None:
    request = SCENARIOS[pair]()
    resource, _, action = request.path.split("/") if request.path.count("/") == 2 else (*request.path.split("/"), "")
    client = permitted(pair, request)
    for name in (NOWHERE, "x", "%20"):
        path = f"{resource}/{name}/{action}".rstrip("/")
        assert client.send(path, request.body, method=request.method).status_code == 404, path


@pytest.mark.parametrize("pair", WITH_BODY, ids="-".join)
def test_a_malformed_body_changes_nothing(pair: Pair) -> None:
    request = SCENARIOS[pair]()
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


@pytest.mark.parametrize("pair", POSTS, ids="-".join)
def test_a_repetition_changes_nothing(pair: Pair) -> None:
    request = SCENARIOS[pair]()
    client = permitted(pair, request)
    first = send(client, request, key="k1")
    n_audited = AuditEntry.objects.count()
    again = send(client, request, key="k1")
    assert (again.status_code, again["Idempotency-Replayed"]) == (first.status_code, "true")
    secrets = ("authKey", "webhookSecret", "secret")
    assert again.json() == {name: None if name in secrets else value for name, value in first.json().items()}
    assert AuditEntry.objects.count() == n_audited
