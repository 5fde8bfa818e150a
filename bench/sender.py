"""A worker process that starts campaigns and sends until nothing is due: ``python -m bench.sender CAMPAIGN...``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from uuid import UUID

import django
from django.db import connection
from django.utils import timezone


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
    print(json.dumps({"seconds": seconds, "peak_mb": peak_kb() / 1024}))


def peak_kb() -> int:
    """The most memory this program has had; what getrusage tells counts the parent's, too, from before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main([UUID(text) for text in sys.argv[1:]])
