"""A worker process that starts campaigns and sends until nothing is due: ``python -m bench.sender CAMPAIGN...``."""

from __future__ import annotations

import json
import sys
import time
from uuid import UUID

import django
from django.db import connection
from django.utils import timezone

from bench.processes import peak_mb


def main(campaigns: list[UUID]) -> None:
    django.setup()
    # What a Celery worker has loaded.
    from campaigns import tasks
    from campaigns.services.steering import start_campaign
    from ops_console.access.actors import Actor
    from ops_console.celery import app

    assert tasks.send.name in app.tasks
    connection.ensure_connection()
    start = time.perf_counter()
    for campaign in campaigns:
        start_campaign(campaign_id=campaign, actor=Actor.command("bench"), now=timezone.now())
    while tasks.send() + tasks.advance():
        pass
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main([UUID(text) for text in sys.argv[1:]])
