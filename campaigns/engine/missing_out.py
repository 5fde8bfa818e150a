"""MARK_MISSED: those who were reached, and did not acknowledge, have missed the campaign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from campaigns.engine.plans import plan_by_key
from campaigns.models import Campaign, CampaignStep, Closing, DeliveryStatus, StepType
from campaigns.transitions import Place, close_members, move_deliveries

ACTOR = "engine"
BATCH = 1000

CHOOSE = """
SELECT DISTINCT recipient_id FROM (
    SELECT d.recipient_id FROM campaigns_delivery d
    JOIN campaigns_audiencemember a ON a.id = d.recipient_id AND a.closing = 'open'
    WHERE d.campaign_id = %(campaign)s AND d.status IN ('sent', 'delivered') LIMIT %(limit)s) reached
"""
# All deliveries first, then their recipients: those who acknowledge lock their one delivery and then themselves.
# What is in the inbox and waits for another try is taken, too, also out of a worker's hands: else reading it would
# race with him who finds its recipient closed.
LOCK_DELIVERIES = """
SELECT id, step_id, recipient_id, work <> '' AND leased_by IS NULL FROM campaigns_delivery
WHERE campaign_id = %(campaign)s AND step_id = ANY(%(steps)s) AND recipient_id = ANY(%(recipients)s)
    AND (status || '' IN ('sent', 'delivered') OR status || '' = 'pending' AND received_at IS NOT NULL)
ORDER BY id FOR NO KEY UPDATE
"""
LOCK_RECIPIENTS = """
SELECT id FROM campaigns_audiencemember WHERE id = ANY(%(recipients)s) AND closing = 'open'
ORDER BY id FOR NO KEY UPDATE
"""
FORGET = "UPDATE campaigns_delivery SET work = '', due_at = NULL WHERE id = ANY(%s)"


class Reached(NamedTuple):
    id: UUID
    step_id: int
    recipient_id: int
    # It waits for another try, or a reminder, that no worker has begun.
    is_waiting: bool


def mark_batch(campaign: Campaign, step: CampaignStep, *, now: datetime) -> int:
    """Mark missed what up to 1,000 open recipients were reached by, or have in their inboxes, and close these.

    Returns how many recipients it looked at: 0 when there are no more. In the caller's transaction, which waits for
    those who acknowledge just now.
    """
    with connection.cursor() as cursor:
        cursor.execute(CHOOSE, {"campaign": campaign.pk, "limit": BATCH})
        recipients = [recipient for (recipient,) in cursor.fetchall()]
    if recipients:
        reached, still_open = _lock(campaign, recipients)
        _mark(campaign, step, [delivery for delivery in reached if delivery.recipient_id in still_open], now)
    return len(recipients)


def _lock(campaign: Campaign, recipients: Sequence[int]) -> tuple[list[Reached], set[int]]:
    """Their deliveries that may be missed, and who of them is still open."""
    steps = list(campaign.steps.filter(type=StepType.SEND_NOTIFICATION).values_list("pk", flat=True))
    values: dict[str, Any] = {"campaign": campaign.pk, "steps": steps, "recipients": recipients}
    plan_by_key()
    with connection.cursor() as cursor:
        cursor.execute(LOCK_DELIVERIES, values)
        reached = [Reached(*row) for row in cursor.fetchall()]
        cursor.execute(LOCK_RECIPIENTS, values)
        return reached, {recipient for (recipient,) in cursor.fetchall()}


def _mark(campaign: Campaign, step: CampaignStep, reached: Sequence[Reached], now: datetime) -> None:
    forget = [delivery.id for delivery in reached if delivery.is_waiting]
    if forget:
        with connection.cursor() as cursor:
            cursor.execute(FORGET, [forget])
    places = {delivery.id: Place(campaign.pk, delivery.step_id) for delivery in reached}
    move_deliveries(
        places,
        DeliveryStatus.MISSED,
        actor=ACTOR,
        at=now,
        reason=f"Step {step.key}",
        columns={"reason": [""] * len(places)},
    )
    close_members(sorted({delivery.recipient_id for delivery in reached}), Closing.MISSED, at=now)
