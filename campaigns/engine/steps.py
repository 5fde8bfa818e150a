"""Walking campaigns through their workflows: a look at each step that is due, one transaction a look.

Nothing here calls out, so the transaction is the lease: what a killed worker had begun rolls back and is due again.
A paused campaign stands still; what became due meanwhile is looked at when it goes on.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from campaigns.engine import outcomes
from campaigns.engine.entering import enter
from campaigns.engine.finishing import fail, finish_one
from campaigns.engine.outcomes import Ended
from campaigns.engine.plans import plan_by_key
from campaigns.models import Campaign, CampaignStep, StepStatus
from campaigns.workflows.definition import FAILED, parse

logger = logging.getLogger(__name__)

# A step that could not be looked at, for whatever reason, does not stand in the others' way.
RETRY = timedelta(seconds=30)
# A step whose end is not known beforehand is looked at again after a tenth of the time it has taken so far.
SOONEST, LATEST = timedelta(seconds=1), timedelta(seconds=15)

# Whoever moves a campaign locks its row before its steps. OFFSET 0 has each campaign looked at by itself, by an index.
CLAIM = """
SELECT s.id, s.campaign_id FROM campaigns_campaignstep s JOIN campaigns_campaign c ON c.id = s.campaign_id
WHERE s.status = 'active' AND {condition} AND c.status = 'running' AND c.paused_at IS NULL
LIMIT 1 FOR NO KEY UPDATE OF c, s SKIP LOCKED
"""
CLAIM_DUE = CLAIM.format(condition="s.due_at <= %(now)s")
# A deadline nobody waits for any more.
CLAIM_EMPTIED = CLAIM.format(
    condition="""s.type = 'deadline_check' AND s.due_at > %(now)s AND NOT EXISTS (
        SELECT FROM campaigns_audiencemember a WHERE a.campaign_id = s.campaign_id AND a.closing = 'open' OFFSET 0)"""
)


def advance_due(*, now: datetime) -> int:
    """Look at one step that is due, or end one campaign; return 0 when there is neither."""
    for claimable in (CLAIM_DUE, CLAIM_EMPTIED):
        if look_at_one(claimable, now):
            return 1
    return finish_one(now=now)


def look_at_one(claimable: str, now: datetime) -> bool:
    """Claim a step, and let it end or wait; say whether there was one."""
    claimed: tuple[int, UUID] | None = None
    try:
        with transaction.atomic():
            claimed = claim(claimable, now)
            if claimed is not None:
                step = CampaignStep.objects.select_related("campaign").get(pk=claimed[0])
                look_at(step.campaign, step, now)
    except Exception:
        if claimed is None:
            raise
        logger.exception("campaign.step_broken", extra={"campaign": str(claimed[1]), "step": claimed[0]})
        _postpone(claimed[0], now + RETRY)
    return claimed is not None


def claim(claimable: str, now: datetime) -> tuple[int, UUID] | None:
    """Lock a step and its campaign that no other worker has."""
    plan_by_key()
    with connection.cursor() as cursor:
        cursor.execute(claimable, {"now": now})
        row: tuple[int, UUID] | None = cursor.fetchone()
    return row


def look_at(campaign: Campaign, step: CampaignStep, now: datetime) -> None:
    """End the step if it is at its end; else say when to look again."""
    found = outcomes.look(campaign, step, now)
    if isinstance(found, Ended):
        end_step(campaign, step, found, now)
    else:
        assert step.entered_at is not None
        wait = min(max((now - step.entered_at) / 10, SOONEST), LATEST)
        _postpone(step.pk, now if found.again_at_once else now + wait)


def end_step(campaign: Campaign, step: CampaignStep, ended: Ended, now: datetime) -> None:
    """Write how a step ended and enter the one that follows; without one a failed step fails its campaign."""
    step.status = StepStatus.FAILED if ended.outcome == FAILED else StepStatus.COMPLETED
    step.ended_at, step.due_at, step.note = now, None, ended.note[:500]
    step.save(update_fields=["status", "ended_at", "due_at", "note"])
    following = parse(campaign.workflow).step(step.key).transitions.get(ended.outcome)
    if following is not None:
        enter(campaign=campaign, step=campaign.steps.get(key=following), now=now)
    elif ended.outcome == FAILED:
        fail(campaign, f"Step {step.key}: {ended.note}", now=now)


NUDGE = """
UPDATE campaigns_campaignstep SET due_at = %(now)s
WHERE campaign_id = %(campaign)s AND status = 'active' AND type IN ('send_notification', 'send_reminder')
    AND due_at > %(now)s
"""


def nudge(campaign_id: UUID, *, now: datetime) -> None:
    """Have a sending step looked at, for it may be at its end."""
    with connection.cursor() as cursor:
        cursor.execute(NUDGE, {"campaign": campaign_id, "now": now})


def _postpone(step_id: int, until: datetime) -> None:
    CampaignStep.objects.filter(pk=step_id, status=StepStatus.ACTIVE).update(due_at=until)
