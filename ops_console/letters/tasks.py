"""Sending e-mails: beat and the doorbell wake it."""

from __future__ import annotations

import os
import socket
from uuid import uuid4

from celery import shared_task
from django.utils import timezone

from ops_console.letters import services


@shared_task(name="ops_console.letters.tasks.send_letters", time_limit=240)
def send_letters() -> None:
    worker = f"{socket.gethostname()[:48]}:{os.getpid()}:{uuid4().hex[:12]}"
    services.send_due(clock=timezone.now, worker=worker)


@shared_task(name="ops_console.letters.tasks.purge_letters", time_limit=600)
def purge_letters() -> None:
    """Delete letters that ended long ago, batch by batch."""
    now = timezone.now()
    while services.purge(now=now) == services.PURGE_BATCH:
        pass
