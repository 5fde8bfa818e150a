"""The end of a campaign."""

from __future__ import annotations

from datetime import datetime

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


def finish_one(*, now: datetime) -> int:
    """Complete one campaign of which nothing is left to do; return 0 when there is none."""
    with transaction.atomic(), connection.cursor() as cursor:
        plan_by_key()
        cursor.execute(CLAIM)
        row = cursor.fetchone()
        if row is None:
            return 0
        CAMPAIGNS.move_one(row[0], CampaignStatus.COMPLETED, actor=ACTOR, at=now, ended_at=now)
    return 1


def fail(campaign: Campaign, why: str, *, now: datetime) -> None:
    """Fail a running campaign, in the caller's transaction. What is pending stays as it is."""
    CAMPAIGNS.move_one(
        campaign.pk, CampaignStatus.FAILED, actor=ACTOR, reason=why[:200], at=now, ended_at=now, failure=why[:500]
    )
