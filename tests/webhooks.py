"""Webhooks in the outbox, that were not sent yet or that were given up."""

from __future__ import annotations

from django.utils import timezone

from ops_console.organizations.models import Organization
from ops_console.outbox import services as outbox
from ops_console.outbox.models import Webhook, WebhookStatus
from ops_console.outbox.services import NewWebhook
from ops_console.outbox.states import WEBHOOKS
from tests import factories


def waiting(of: Organization | None = None) -> Webhook:
    organization = of or factories.organization()
    new = NewWebhook(organization.pk, "https://hooks.example.com/", "message.queued", "4prDjddvmLpDA2A2", {})
    outbox.enqueue(webhooks=[new], now=timezone.now())
    return Webhook.objects.filter(organization=organization).latest("created_at")


def ended(of: Organization | None = None) -> Webhook:
    made, now = waiting(of), timezone.now()
    WEBHOOKS.move_one(made.pk, WebhookStatus.FAILED, actor="tests", at=now, ended_at=now)
    return made
