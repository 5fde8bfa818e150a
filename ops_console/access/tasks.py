"""Housekeeping that beat rings."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from ops_console.access import idempotency


@shared_task(ignore_result=True, time_limit=600)
def purge_idempotency() -> None:
    """Delete answers that are past their time, batch by batch."""
    now = timezone.now()
    while idempotency.purge(now=now) == idempotency.PURGE_BATCH:
        pass
