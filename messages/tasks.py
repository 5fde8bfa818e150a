"""What beat rings every second or so. Each run is short; the rows remember what is left."""

from __future__ import annotations

import time
from collections.abc import Callable

from celery import shared_task
from django.utils import timezone

from couriers.services import wake_rested
from messages import transitions
from messages.dispatch import departures, landing, timeframes
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


@shared_task(name="messages.tasks.dispatch")
def dispatch() -> int:
    """Let due messages fly."""
    end = time.monotonic() + RUN_S
    done = departures.dispatch_queue(now=timezone.now, until=lambda: time.monotonic() > end)
    if time.monotonic() > end:
        doorbell.ring("messages.tasks.dispatch")
    return done.n_departed


@shared_task(name="messages.tasks.land")
def land() -> int:
    """Deliver what has arrived."""
    return repeat(lambda: landing.land_due(now=timezone.now()), again="messages.tasks.land")


@shared_task(name="messages.tasks.wake_couriers")
def wake_couriers() -> int:
    """Make rested couriers available, and look again at the messages that waited for them."""

    def step() -> int:
        now = timezone.now()
        rested = wake_rested(now=now)
        departures.wake_for_couriers(rested, now=now)
        return len(rested)

    n_rested = repeat(step, again="messages.tasks.wake_couriers")
    if n_rested:
        doorbell.ring("messages.tasks.dispatch")
    return n_rested


@shared_task(name="messages.tasks.refund_missed")
def refund_missed() -> int:
    """Refund queued messages whose timeframe is over."""
    return repeat(lambda: timeframes.refund_missed(now=timezone.now()), again="messages.tasks.refund_missed")


@shared_task(name="messages.tasks.fold_flow")
def fold_flow() -> int:
    """Add up the counts that transitions appended."""
    return transitions.fold_flow()
