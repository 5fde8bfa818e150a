"""A worker process that dispatches until nothing can fly, and prints its figures: ``python -m bench.worker``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import django
from django.db import connection
from django.utils import timezone


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


def peak_mb() -> float:
    """The most memory this process has had resident; ``getrusage`` would count its parent's before the exec, too."""
    status = Path("/proc/self/status").read_text()
    (peak_kb,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak_kb) / 1024


if __name__ == "__main__":
    main()
