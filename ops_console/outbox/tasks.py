"""The outbox's tasks: beat and the doorbell wake them."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from uuid import uuid4

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from ops_console.outbox import services


@shared_task(name="ops_console.outbox.tasks.deliver_webhooks", time_limit=120)
def deliver_webhooks() -> None:
    """Send what is due. Takes ten seconds of claiming and one call's length at most; one run claims at a time."""
    worker = f"{socket.gethostname()[:48]}:{os.getpid()}:{uuid4().hex[:12]}"
    services.deliver_due(clock=timezone.now, worker=worker, alone=True)


@shared_task(name="ops_console.outbox.tasks.purge_webhooks", time_limit=600)
def purge_webhooks() -> None:
    services.purge(older_than=timedelta(days=settings.WEBHOOK_KEEP_DAYS), now=timezone.now())
