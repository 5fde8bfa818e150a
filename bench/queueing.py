"""Campaigns beside the usual way, one Celery task for each recipient: enqueueing included, one worker process each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Max

from bench import usual_tasks
from bench.campaigning import run_ours
from bench.crowds import Crowd, clear, recipients, start_afresh, write_template
from bench.fixtures import settle
from bench.report import ROUNDS, Comparison
from bench.usual_tasks import Letter

RECIPIENTS = 5_000
WARM_UP = 200
# How often is looked whether the tasks are done; when they were, their rows tell.
PAUSE_S, PATIENCE_S = 0.2, 300.0


def bench_tasks(crowd: Crowd, *, n: int = RECIPIENTS, rounds: int = ROUNDS) -> Comparison:
    """Recipients a second until all are sent, the same ones both ways."""
    comparison = Comparison(f"campaign, {n:,} recipients, beside a Celery task for each", "recipients/s", least=6)
    template = write_template(crowd.login)
    with letters(), worker():
        run_peer(crowd.members[:WARM_UP], template.pk)
        for _ in range(rounds):
            comparison.peer.append(run_peer(crowd.members[:n], template.pk))
            start_afresh(crowd, n=n)
            comparison.ours.append(run_ours(n).per_s)
    clear()
    return comparison


@contextmanager
def letters() -> Iterator[None]:
    """The table of the usual way."""
    with connection.schema_editor() as editor:
        editor.create_model(Letter)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Letter)


@contextmanager
def worker() -> Iterator[None]:
    """A Celery worker of one process, which fetches ahead as many tasks as Celery does by itself."""
    command = [sys.executable, "-m", "celery", "--quiet", "--app", "bench.usual_tasks", "worker", "--concurrency", "1"]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
    running = subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms"})
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


def run_peer(members: list[UUID], template_id: UUID) -> float:
    """The rate from the first task that is put into the queue until all letters are saved."""
    Letter.objects.all().delete()
    letter_ids = usual_tasks.write(members, [each.variables for each in recipients(members)], template_id)
    settle()
    started_at, start = time.time(), time.monotonic()
    for letter_id in letter_ids:
        usual_tasks.send.delay(letter_id)
    while Letter.objects.exclude(status="sent").exists():
        if time.monotonic() - start > PATIENCE_S:
            raise TimeoutError("The tasks are not done.")
        time.sleep(PAUSE_S)
    last: datetime = Letter.objects.aggregate(last=Max("sent_at"))["last"]
    return len(members) / (last.timestamp() - started_at)
