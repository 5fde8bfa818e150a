"""Entering a step: what it leaves to do, as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from campaigns.engine.webhooks import call_webhook
from campaigns.models import AttemptKind, Campaign, CampaignStep, DeliveryStatus, StepStatus, StepType
from campaigns.transitions import count
from campaigns.workflows.definition import DeadlineCheck, parse

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
# Whoever locks several deliveries does so in the order of their ids.
REMIND = """
WITH newest AS MATERIALIZED (
    SELECT DISTINCT ON (d.recipient_id) d.id
    FROM campaigns_delivery d JOIN campaigns_audiencemember a ON a.id = d.recipient_id AND a.closing = 'open'
    WHERE d.campaign_id = %(campaign)s AND d.status IN ('sent', 'delivered')
    ORDER BY d.recipient_id, d.created_at DESC
), locked AS MATERIALIZED (
    SELECT d.id FROM campaigns_delivery d JOIN newest USING (id)
    WHERE d.status IN ('sent', 'delivered') AND d.work = '' ORDER BY d.id FOR NO KEY UPDATE OF d
)
UPDATE campaigns_delivery d SET work = %(work)s, due_at = %(now)s, n_attempts = 0, tried_since = NULL,
    leased_by = NULL, lease_until = NULL
FROM locked WHERE d.id = locked.id
"""


def enter(*, campaign: Campaign, step: CampaignStep, now: datetime) -> None:
    """Make a step the active one of its campaign, in the caller's transaction, which holds the campaign's row.

    SEND_NOTIFICATION turns the recipients still open into deliveries that are due, SEND_REMINDER makes their newest
    ones due again: one statement each, some seconds for 100,000. CALL_WEBHOOK puts a series of webhooks into the
    outbox, which takes as long, DEADLINE_CHECK sets its timer. The engine then looks at the step when it is due.
    """
    step.status, step.entered_at, step.due_at = StepStatus.ACTIVE, now, now
    match step.type:
        case StepType.SEND_NOTIFICATION:
            deliver(campaign, step, now)
        case StepType.SEND_REMINDER:
            remind(campaign, now)
        case StepType.DEADLINE_CHECK:
            config = parse(campaign.workflow).step(step.key).config
            assert isinstance(config, DeadlineCheck)
            step.due_at = now + config.delay
        case StepType.CALL_WEBHOOK:
            step.webhook_id = call_webhook(campaign, step, now)
    step.save(update_fields=["status", "entered_at", "due_at", "webhook_id"])


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
    n = _execute(DELIVER, values)
    if n:
        count({(campaign.pk, step.pk, "", str(DeliveryStatus.PENDING)): n})
    return n


def remind(campaign: Campaign, now: datetime) -> int:
    """Make the newest delivery of each recipient still open due for a reminder, if it was sent; return how many."""
    return _execute(REMIND, {"campaign": campaign.pk, "work": AttemptKind.REMINDER, "now": now})


def _execute(statement: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
