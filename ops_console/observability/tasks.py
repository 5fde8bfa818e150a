"""What beat has a worker do to show that both are alive."""

from __future__ import annotations

from celery import shared_task

from ops_console.observability import readiness


@shared_task(ignore_result=True, time_limit=30)
def heartbeat() -> None:
    readiness.beat()
