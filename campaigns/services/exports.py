"""Deliveries as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from campaigns.models import Campaign, Delivery
from campaigns.querysets import DeliveryQuerySet
from campaigns.services.campaigns import missing
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.csv_lines import csv_lines

# Rows read, and held, together.
BATCH = 2000
# As the API names them, and where they come from.
COLUMNS = {
    "id": "id",
    "campaign": "campaign_id",
    "step": "step__key",
    "userId": "member_id",
    "email": "member__person__email",
    "status": "status",
    "reason": "reason",
    "work": "work",
    "dueAt": "due_at",
    "attempts": "n_attempts",
    "createdAt": "created_at",
    "sentAt": "sent_at",
    "deliveredAt": "delivered_at",
    "readAt": "read_at",
    "actedAt": "acted_at",
    "action": "action__action_id",
}


def export_deliveries(
    *, campaign_id: UUID, among: DeliveryQuerySet | None = None, actor: Actor, batch: int = BATCH
) -> Iterator[bytes]:
    """A campaign's deliveries in CSV, step by step and in the order of its audience, in constant memory.

    ``among``: only those. One query a batch, outside any transaction: what moves meanwhile is told as it is then.

    Raises:
        Forbidden: the actor may not see deliveries.
        NotFound: the actor has no such campaign.
    """
    policy.require(actor, "deliveries", "list")
    campaign = Campaign.objects.visible_to(actor).filter(pk=campaign_id).first()
    if campaign is None:
        raise missing()
    steps = campaign.ordered_steps().values_list("pk", flat=True)
    rows = Delivery.objects.all() if among is None else among
    return csv_lines(tuple(COLUMNS), _rows(rows.filter(campaign=campaign.pk), list(steps), batch))


def _rows(deliveries: DeliveryQuerySet, steps: Sequence[int], batch: int) -> Iterator[tuple[Any, ...]]:
    """Each row once, by the index of campaign, step and recipient."""
    for step in steps:
        last = 0
        while True:
            # In its own order: that of the list it came from would not do.
            rows = deliveries.filter(step=step, recipient__gt=last).order_by("recipient_id")
            found = list(rows.values_list("recipient_id", *COLUMNS.values())[:batch])
            yield from (row[1:] for row in found)
            if len(found) < batch:
                break
            last = found[-1][0]
