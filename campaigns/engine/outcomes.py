"""How a step stands: what its rows say of it, by its type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.engine import missing_out
from campaigns.models import (
    AttemptKind,
    Campaign,
    CampaignFlow,
    CampaignStep,
    Delivery,
    DeliveryStatus,
    StepType,
)
from campaigns.workflows.definition import COMPLETED, FAILED
from ops_console.outbox.models import Webhook, WebhookStatus
from ops_console.outbox.retries import RETRY_FOR

# The outbox gives a webhook up after a day of tries; this much later the step does so itself.
GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class Ended:
    outcome: str
    note: str = ""


@dataclass(frozen=True)
class Waiting:
    # There is more to do at once, in another transaction.
    again_at_once: bool = False


def look(campaign: Campaign, step: CampaignStep, now: datetime) -> Ended | Waiting:
    """How an active step that is due stands; MARK_MISSED takes the next batch, too."""
    match step.type:
        case StepType.SEND_NOTIFICATION:
            return _of_sending(campaign, step)
        case StepType.SEND_REMINDER:
            return Waiting() if _has_reminders(campaign) else Ended(COMPLETED)
        case StepType.CALL_WEBHOOK:
            return _of_webhook(step, now)
        case StepType.MARK_MISSED:
            n_looked_at = missing_out.mark_batch(campaign, step, now=now)
            return Waiting(again_at_once=True) if n_looked_at else Ended(COMPLETED)
        case _:
            # A deadline is due when it is over.
            return Ended(COMPLETED)


def _of_sending(campaign: Campaign, step: CampaignStep) -> Ended | Waiting:
    """It fails only when every delivery of it failed."""
    if Delivery.objects.filter(campaign=campaign, step=step, status=DeliveryStatus.PENDING).exists():
        return Waiting()
    sums = CampaignFlow.objects.sums([campaign.pk]).get(campaign.pk, {})
    counts = {status: n for (of, status), n in sums.items() if of == step.pk and n}
    if counts and set(counts) == {DeliveryStatus.FAILED}:
        n_failed = counts[DeliveryStatus.FAILED]
        return Ended(FAILED, f"All deliveries failed: {n_failed:,}.")
    return Ended(COMPLETED)


def _has_reminders(campaign: Campaign) -> bool:
    return Delivery.objects.filter(campaign=campaign, due_at__isnull=False, work=AttemptKind.REMINDER).exists()


def _of_webhook(step: CampaignStep, now: datetime) -> Ended | Waiting:
    assert step.webhook_id is not None
    pages = Webhook.objects.counts_of(step.webhook_id)
    n_pages, n_failed = sum(pages.values()), pages.get(WebhookStatus.FAILED, 0)
    if n_failed:
        return Ended(FAILED, f"The webhook was given up: {n_failed:,} of {n_pages:,} pages.")
    if n_pages and n_pages == pages.get(WebhookStatus.DELIVERED):
        return Ended(COMPLETED)
    assert step.entered_at is not None
    if not n_pages or now > step.entered_at + RETRY_FOR + GRACE:
        return Ended(FAILED, "The webhook found no end.")
    return Waiting()
