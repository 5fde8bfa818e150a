"""A list costs as many queries with 12 rows as with 3."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Screen
from campaigns.services.steering import start_campaign
from messages.models import Message
from messages.services.refunds import request_refund
from ops_console.access.actors import Actor
from ops_console.organizations.rights import Right
from ops_console.outbox import services as outbox
from ops_console.outbox.services import NewWebhook
from tests import authoring, bearers, campaigns, factories, fleets, ops, pushing, sso, tenants
from tests.factories import PHOENIX

from .conftest import list_of

LISTS = (
    "access.AccountCredential",
    "access.ApiKey",
    "access.ServiceKey",
    "access.SsoProvider",
    "audit.AuditEntry",
    "campaigns.AudienceMember",
    "campaigns.Campaign",
    "campaigns.Delivery",
    "campaigns.Device",
    "campaigns.PushCredential",
    "campaigns.Screen",
    "campaigns.Template",
    "couriers.Courier",
    "couriers.Place",
    "ledger.Account",
    "ledger.Entry",
    "ledger.Refund",
    "organizations.Group",
    "organizations.Member",
    "organizations.Organization",
    "organizations.Person",
    "organizations.Role",
    "organizations.Team",
    "outbox.Webhook",
    "pigeon_messages.Message",
    "pigeon_messages.Recipient",
)


def grow(first: int, n: int) -> None:
    """Add so many of everything, each of its own organization."""
    now = timezone.now()
    for number in range(first, first + n):
        sent = factories.message(now=now)
        factories.credential(sent.account)
        bearers.api_key(tenants.member(sent.organization, Right.ORG_READ), Right.ORG_READ)
        bearers.service_key("render")
        authoring.template(sent.organization)
        sending = campaigns.campaign(sent.organization)
        start_campaign(campaign_id=sending.pk, actor=factories.COMMAND, now=now)
        pushing.device(sent.organization)
        Screen.objects.create(organization=sent.organization, name="Home", seen_on=now.date())
        pushing.credential(sent.organization)
        sso.provider(sent.organization)
        ops.recipient(sent.account)
        asking = Actor.staff(factories.member_of_staff("Finance"))
        request_refund(msg_id=sent.msg_id, amount=sent.cost, reason="Late.", actor=asking, now=now)
        fleets.courier(number, *PHOENIX).save()
        new = NewWebhook(sent.organization_id, "https://customer.example/hook", "message.queued", sent.msg_id, {})
        outbox.enqueue(webhooks=[new], now=now)


def cost(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.usefixtures("places")
def test_no_list_costs_more_as_it_grows(root: Client):
    urls = {name: list_of(apps.get_model(name)) for name in LISTS}
    grow(0, 3)
    few = {name: cost(root, url) for name, url in urls.items()}
    grow(3, 9)
    many = {name: cost(root, url) for name, url in urls.items()}
    shown: dict[str, Any] = {name: root.get(url).context["cl"].result_list for name, url in urls.items()}
    assert not [name for name, rows in shown.items() if len(rows) < 12]
    assert many == few
    # Session, person, count and rows; prefetches and what the filters need on top.
    assert max(many.values()) <= 8, many


@pytest.mark.usefixtures("places")
def test_the_queue_is_not_counted_to_its_end(root: Client, monkeypatch: pytest.MonkeyPatch):
    grow(0, 3)
    with CaptureQueriesContext(connection) as queries:
        root.get(list_of(Message))
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)
