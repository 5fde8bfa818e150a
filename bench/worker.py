"""A worker process that dispatches until nothing can fly, and prints its figures: ``python -m bench.worker``."""

from __future__ import annotations

import json
import time

import django
from django.db import connection
from django.utils import timezone

from bench.processes import peak_mb


def main() -> None:
    django.setup()
    # What a Celery worker has loaded.
    from messages import tasks
    from messages.dispatch.departures import dispatch_queue
    from ops_console.celery import app

    assert tasks.dispatch.name in app.tasks
    connection.ensure_connection()
    start = time.perf_counter()
    done = dispatch_queue(now=timezone.now)
    seconds = time.perf_counter() - start
    print(json.dumps({"n": done.n_departed, "seconds": seconds, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
