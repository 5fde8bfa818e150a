"""The end of a campaign."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from campaigns.engine.plans import plan_by_key
from campaigns.models import Campaign, CampaignStatus
from campaigns.transitions import CAMPAIGNS

ACTOR = "engine"

# Its last step has ended, and workers have nothing left to do for it: what is pending is always due some time.
CLAIM = """
SELECT c.id FROM campaigns_campaign c
WHERE c.status = 'running' AND c.paused_at IS NULL
    AND NOT EXISTS (SELECT FROM campaigns_campaignstep s WHERE s.campaign_id = c.id AND s.status = 'active' OFFSET 0)
    AND NOT EXISTS (SELECT FROM campaigns_delivery d WHERE d.campaign_id = c.id AND d.due_at IS NOT NULL OFFSET 0)
LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED
"""
# Asked again under the lock: a retry or a reminder may have been ordered after CLAIM began to look.
HAS_WORK = "SELECT EXISTS (SELECT FROM campaigns_delivery WHERE campaign_id = %s AND due_at IS NOT NULL)"
# In the order of their ids, as whoever locks several. What a worker has in hand stays under its lease: it records
# what came of it.
STOP = """
WITH stopped AS MATERIALIZED (
    SELECT id FROM campaigns_delivery WHERE campaign_id = %(campaign)s AND due_at IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE campaigns_delivery d SET work = '', due_at = NULL,
    reason = CASE d.status WHEN 'pending' THEN %(reason)s ELSE d.reason END
FROM stopped WHERE d.id = stopped.id
"""


def finish_one(*, now: datetime) -> int:
    """Complete one campaign of which nothing is left to do; return 0 when there is none."""
    with transaction.atomic():
        plan_by_key()
        campaign_id = _claim()
        if campaign_id is None or _has_work(campaign_id):
            return 0
        CAMPAIGNS.move_one(campaign_id, CampaignStatus.COMPLETED, actor=ACTOR, at=now, ended_at=now)
    return 1


def fail(campaign: Campaign, why: str, *, now: datetime) -> None:
    """Fail a running campaign, in the caller's transaction; nothing more is sent."""
    CAMPAIGNS.move_one(
        campaign.pk, CampaignStatus.FAILED, actor=ACTOR, reason=why[:200], at=now, ended_at=now, failure=why[:500]
    )
    stop_work(campaign.pk, "The campaign failed before it was sent.")


def stop_work(campaign_id: UUID, reason: str) -> None:
    """Stop all work on a campaign's deliveries, in the caller's transaction, which holds the campaign.

    Pending ones stay so, with this reason.
    """
    with connection.cursor() as cursor:
        cursor.execute(STOP, {"campaign": campaign_id, "reason": reason})


def _claim() -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM)
        row = cursor.fetchone()
    return row[0] if row else None


def _has_work(campaign_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(HAS_WORK, [campaign_id])
        return bool(cursor.fetchone()[0])
