"""An organization with a secret, a receiver on loopback, and a clock that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from ops_console.organizations.models import Organization
from ops_console.outbox import services
from ops_console.outbox.client import Caller
from ops_console.outbox.models import Webhook
from ops_console.outbox.services import NewWebhook
from tests.fakes.webhook_receiver import WebhookReceiver, receiving

# Loses patience soon, for tests in which somebody must.
HASTY = Caller(timeout_s=0.6)
runs = count()


class Clock:
    """Begins at the real time, by which signatures are verified."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def organization(db: None) -> Organization:
    return Organization.objects.create(name="Sandia Feed and Seed")


@pytest.fixture
def secret(organization: Organization, clock: Clock) -> str:
    return services.create_secret(organization_id=organization.id, now=clock())


@pytest.fixture
def open_loopback(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_LOOPBACK = True


@pytest.fixture
def receiver(open_loopback: None) -> Iterator[WebhookReceiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def send(organization: Organization, secret: str, clock: Clock) -> Callable[..., Webhook]:
    """Enqueue one webhook to the URL and return its row."""

    def send(url: str) -> Webhook:
        payload = {"msgId": "1BvXMQ8h3k9WzRtN", "cost": Decimal("0.10")}
        new = NewWebhook(organization.id, url, "message.queued", "1BvXMQ8h3k9WzRtN", payload)
        known = set(Webhook.objects.values_list("id", flat=True))
        services.enqueue(webhooks=[new], now=clock())
        return Webhook.objects.exclude(id__in=known).get()

    return send


@pytest.fixture
def deliver(clock: Clock) -> Callable[..., int]:
    """Deliver what is due by the clock, in a run of its own."""

    def deliver(caller: Caller | None = None, **options: Any) -> int:
        return services.deliver_due(clock=clock, worker=f"run-{next(runs)}", caller=caller, **options)

    return deliver
