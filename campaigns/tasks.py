"""What beat rings every second or so. Each run is short; the rows remember what is left."""

from __future__ import annotations

from celery import shared_task

from campaigns import transitions


@shared_task(name="campaigns.tasks.fold_flow")
def fold_flow() -> int:
    """Add up the counts that transitions appended."""
    return transitions.fold_flow()
