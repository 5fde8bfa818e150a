"""The states of a webhook."""

from __future__ import annotations

from ops_console.outbox.models import Webhook, WebhookEvent, WebhookStatus
from ops_console.state_machine import StateMachine

PENDING, DELIVERED, FAILED = WebhookStatus.PENDING, WebhookStatus.DELIVERED, WebhookStatus.FAILED

WEBHOOKS = StateMachine(
    Webhook,
    WebhookEvent,
    {
        DELIVERED: frozenset({PENDING}),
        FAILED: frozenset({PENDING}),
        # A replay.
        PENDING: frozenset({DELIVERED, FAILED}),
    },
)
