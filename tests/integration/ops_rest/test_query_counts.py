"""A list costs the same number of queries however long it is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.ledger.models import Account
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind
from tests import authoring, bearers, campaigns, factories, ops, sso, tenants, webhooks
from tests.integration.ops_rest.scenarios.rosters import made

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
numbers = count(500)


def refund(of: Account) -> None:
    ops.refund(ops.queued(of))


def new_person(of: Account) -> None:
    factories.member_of_staff("Auditor")


def new_key(of: Account) -> None:
    assert of.organization
    bearers.api_key(tenants.member(of.organization, Right.ORG_READ), Right.ORG_READ)


def new_roster(kind: Kind[Any], of: Account) -> None:
    assert of.organization
    made(kind, of.organization)


def organization_of(account: Account) -> Organization:
    assert account.organization
    return account.organization


# Each makes one row more, or several.
ONE_MORE: dict[str, Callable[[Account], object]] = {
    "messages": ops.queued,
    "couriers": lambda of: ops.bird(next(numbers)),
    "accounts": lambda of: factories.account(of.organization),
    "credentials": factories.credential,
    "recipients": lambda of: ops.recipient(of, f"r{next(numbers)}"),
    "entries": ops.queued,
    "refunds": refund,
    "organizations": lambda of: factories.organization(),
    "teams": lambda of: new_roster(TEAMS, of),
    "groups": lambda of: new_roster(GROUPS, of),
    "campaigns": lambda of: campaigns.campaign(organization_of(of)),
    "templates": lambda of: authoring.template(organization_of(of)),
    "webhooks": lambda of: webhooks.waiting(of.organization),
    "api-keys": lambda of: new_key(of),
    "service-keys": lambda of: bearers.service_key("render"),
    "sso-providers": lambda of: sso.provider(),
    "audit": factories.credential,
    "people": new_person,
}


def n_queries(client: ops.StaffClient, resource: str, at_least: int) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert len(client.rows(resource, limit="200")) >= at_least
    return len(queries)


@pytest.mark.parametrize("resource", ONE_MORE)
def test_3_rows_and_30_cost_the_same(resource: str) -> None:
    client, account = ops.client((resource, "list")), factories.account()
    for _ in range(3):
        ONE_MORE[resource](account)
    client.rows(resource)
    few = n_queries(client, resource, 3)
    for _ in range(27):
        ONE_MORE[resource](account)
    assert n_queries(client, resource, 30) == few <= 7
