"""Entering a step: what it leaves to do, as rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns.models import AttemptKind, Campaign, CampaignStep, DeliveryStatus, StepStatus, StepType
from campaigns.transitions import count
from campaigns.workflows.definition import DeadlineCheck, parse

# How soon a step is looked at again whose deliveries are under way.
LOOK_AGAIN = timedelta(seconds=1)

# Ids grow with time, as those the application makes (UUIDv7): the newest rows of an index lie together.
DELIVER = """
INSERT INTO campaigns_delivery
    (id, campaign_id, step_id, recipient_id, member_id, status, work, due_at, n_attempts, reason, created_at)
SELECT encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid()) PLACING substring(int8send(%(ms)s) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
        'hex')::uuid,
    campaign_id, %(step)s, id, member_id, %(status)s, %(work)s, %(now)s, 0, '', %(now)s
FROM campaigns_audiencemember WHERE campaign_id = %(campaign)s AND closing = 'open' ORDER BY id
"""


def enter(*, campaign: Campaign, step: CampaignStep, now: datetime) -> None:
    """Make a step the active one of its campaign, in the caller's transaction, which holds the campaign's row.

    A SEND_NOTIFICATION turns the recipients still open into deliveries that are due: one statement, about 20 s for a
    million. A DEADLINE_CHECK sets its timer. Everything else is due at once.
    """
    step.status, step.entered_at, step.due_at = StepStatus.ACTIVE, now, now
    if step.type == StepType.SEND_NOTIFICATION:
        deliver(campaign, step, now)
        step.due_at = now + LOOK_AGAIN
    elif step.type == StepType.DEADLINE_CHECK:
        config = parse(campaign.workflow).step(step.key).config
        assert isinstance(config, DeadlineCheck)
        step.due_at = now + config.delay
    step.save(update_fields=["status", "entered_at", "due_at"])


def deliver(campaign: Campaign, step: CampaignStep, now: datetime) -> int:
    """Write a due delivery for each recipient still open, count them, and return how many."""
    values: dict[str, Any] = {
        "campaign": campaign.pk,
        "step": step.pk,
        "status": DeliveryStatus.PENDING,
        "work": AttemptKind.SEND,
        "now": now,
        "ms": int(now.timestamp() * 1000),
    }
    with connection.cursor() as cursor:
        cursor.execute(DELIVER, values)
        n = int(cursor.rowcount)
    if n:
        count({(campaign.pk, step.pk, "", str(DeliveryStatus.PENDING)): n})
    return n
