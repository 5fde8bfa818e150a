"""What beat rings every second or so. Each run is short; the rows remember what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from celery import shared_task
from django.utils import timezone

from campaigns import transitions
from campaigns.engine import following, sending, steps
from campaigns.heatmaps import screenshots, storage
from campaigns.replay import retention
from campaigns.services import steering
from ops_console import doorbell

# One run works this long at most, then rings for the next, so that no kind of task starves another.
RUN_S = 1.0


def repeat(step: Callable[[], int], *, again: str) -> int:
    """Repeat a step until it finds nothing more or the time is up; return how much it did in all."""
    end, total = time.monotonic() + RUN_S, 0
    while n := step():
        total += n
        if time.monotonic() > end:
            doorbell.ring(again)
            break
    return total


@shared_task(name="campaigns.tasks.advance")
def advance() -> int:
    """Look at the steps of campaigns that are due, and end campaigns of which nothing is left to do."""
    n = repeat(lambda: steps.advance_due(now=timezone.now()), again="campaigns.tasks.advance")
    if n:
        doorbell.ring("campaigns.tasks.send")
    return n


@shared_task(name="campaigns.tasks.send")
def send() -> int:
    """Hand over deliveries that are due, a batch of each campaign in turn."""
    return repeat(lambda: sending.send_batch(clock=timezone.now), again="campaigns.tasks.send")


@shared_task(name="campaigns.tasks.follow_pigeons")
def follow_pigeons() -> int:
    """See what became of the messages that carry deliveries."""
    step = partial(following.follow_batch, now=timezone.now())
    return repeat(step, again="campaigns.tasks.follow_pigeons")


@shared_task(name="campaigns.tasks.start_scheduled")
def start_scheduled() -> int:
    """Start campaigns whose time has come."""
    return steering.start_due(timezone.now())


@shared_task(name="campaigns.tasks.fold_flow")
def fold_flow() -> int:
    """Add up the counts that transitions appended."""
    return transitions.fold_flow()


@shared_task(name="campaigns.tasks.tend_touches", time_limit=3600)
def tend_touches() -> int:
    """Make partitions for the days to come, count up old ones, drop those past their time."""
    return storage.tend(timezone.now())


@shared_task(name="campaigns.tasks.purge_recordings", time_limit=3600)
def purge_recordings() -> int:
    """Delete recordings past their time, with their files."""
    step = partial(retention.purge_batch, now=timezone.now())
    return repeat(step, again="campaigns.tasks.purge_recordings")


@shared_task(name="campaigns.tasks.sweep_files", time_limit=3600)
def sweep_files() -> int:
    """Delete files that a killed process left without a row."""
    now = timezone.now()
    return retention.sweep(now) + screenshots.sweep(now)
