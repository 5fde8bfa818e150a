"""A campaign in numbers, as webhooks tell it."""

from __future__ import annotations

from typing import Any

from campaigns.models import Campaign, CampaignFlow, Closing, DeliveryStatus


def summary(campaign: Campaign) -> dict[str, Any]:
    """The campaign, its recipients by how they stand to it, and its deliveries by status. One query."""
    sums = CampaignFlow.objects.sums([campaign.pk]).get(campaign.pk, {})
    deliveries = dict.fromkeys((str(status) for status in DeliveryStatus), 0)
    for (step, status), n in sums.items():
        if step is not None:
            deliveries[status] += n
    return {
        "campaign": {
            "id": str(campaign.pk),
            "name": campaign.name,
            "status": str(campaign.status),
            "startedAt": campaign.started_at,
        },
        "recipients": {"total": campaign.n_recipients}
        | {str(closing): sums.get((None, str(closing)), 0) for closing in Closing},
        "deliveries": deliveries,
    }
