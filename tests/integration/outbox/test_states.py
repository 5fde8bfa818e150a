"""Every pair of the webhook's state machine."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from ops_console.errors import InvalidTransition
from ops_console.outbox.models import Webhook, WebhookEvent, WebhookStatus
from ops_console.outbox.states import WEBHOOKS
from tests.integration.outbox.conftest import Clock

ALLOWED = {
    ("pending", "delivered"),
    ("pending", "failed"),
    ("delivered", "pending"),
    ("failed", "pending"),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(WebhookStatus.values, repeat=2)))
def test_every_pair(send: Callable[[str], Webhook], clock: Clock, old: str, new: str) -> None:
    webhook = send("https://hooks.example.com/hook")
    Webhook.objects.filter(pk=webhook.pk).update(status=old)
    if (old, new) in ALLOWED:
        assert WEBHOOKS.move_one(webhook.pk, new, actor="test", at=clock(), reason="because") == old
        assert Webhook.objects.get().status == new
        event = WebhookEvent.objects.get()
        assert (event.from_status, event.to_status, event.reason) == (old, new, "because")
    else:
        with pytest.raises(InvalidTransition) as refused:
            WEBHOOKS.move_one(webhook.pk, new, actor="test", at=clock())
        assert (refused.value.current, refused.value.wanted) == (old, new)
        assert Webhook.objects.get().status == old
        assert not WebhookEvent.objects.exists()
