from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from pytest_django import Settings

from ops_console.outbox import tasks
from ops_console.outbox.models import Webhook
from tests.fakes.webhook_receiver import WebhookReceiver


def test_beat_s_task_delivers(receiver: WebhookReceiver, send: Callable[[str], Webhook]) -> None:
    webhook = send(receiver.url())
    tasks.deliver_webhooks()
    assert receiver.ids() == [str(webhook.id)]


def test_beat_s_purge_keeps_what_the_setting_says(
    receiver: WebhookReceiver, send: Callable[[str], Webhook], settings: Settings
) -> None:
    settings.WEBHOOK_KEEP_DAYS = 3
    send(receiver.url())
    tasks.deliver_webhooks()
    tasks.purge_webhooks()
    assert Webhook.objects.exists()
    Webhook.objects.update(ended_at=timezone.now() - timedelta(days=3, minutes=1))
    tasks.purge_webhooks()
    assert not Webhook.objects.exists()
