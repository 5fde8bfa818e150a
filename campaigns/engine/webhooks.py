"""What a CALL_WEBHOOK tells: the campaign in numbers and, page by page, what became of every delivery."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Count, Window

from campaigns.engine.summaries import summary
from campaigns.models import Campaign, CampaignStep, Delivery, StepStatus
from campaigns.workflows.definition import CallWebhook, parse
from ops_console.outbox.services import NewWebhook, enqueue_series

EVENT = "campaign.webhook"
# Outcomes of a page.
PAGE = 500
OUTCOME = {
    "deliveryId": "id",
    "userId": "member_id",
    "step": "step__key",
    "status": "status",
    "reason": "reason",
    "sentAt": "sent_at",
    "deliveredAt": "delivered_at",
    "readAt": "read_at",
    "actedAt": "acted_at",
    "action": "action__action_id",
}


def call_webhook(campaign: Campaign, step: CampaignStep, now: datetime) -> UUID:
    """Put the step's webhooks into the outbox, one a page, in the caller's transaction; return the series' id."""
    config = parse(campaign.workflow).step(step.key).config
    assert isinstance(config, CallWebhook)
    told = {"name": config.name, "step": step.key, **summary(campaign)}
    webhooks = (
        NewWebhook(
            organization_id=campaign.organization_id,
            url=config.url,
            event=EVENT,
            reference=str(campaign.pk),
            payload=told | page,
            headers=config.headers,
        )
        for page in pages(campaign)
    )
    return enqueue_series(webhooks=webhooks, now=now)


def series_in_use() -> list[UUID]:
    """The series of steps that wait for their end; a paused campaign's may wait for long."""
    steps = CampaignStep.objects.filter(status=StepStatus.ACTIVE, webhook_id__isnull=False)
    return [pk for pk in steps.values_list("webhook_id", flat=True) if pk is not None]


def pages(campaign: Campaign) -> Iterator[dict[str, Any]]:
    """Every delivery of the campaign, as of one instant; at least one page. One query, a page in memory."""
    deliveries = Delivery.objects.filter(campaign=campaign).order_by("step_id", "recipient_id")
    rows = deliveries.values_list(*OUTCOME.values(), Window(Count("*"))).iterator(chunk_size=PAGE)
    number = 0
    while part := list(islice(rows, PAGE)):
        number += 1
        outcomes = [dict(zip(OUTCOME, row, strict=False)) for row in part]
        yield {"page": number, "pages": -(-part[0][-1] // PAGE), "outcomes": outcomes}
    if not number:
        yield {"page": 1, "pages": 1, "outcomes": []}
