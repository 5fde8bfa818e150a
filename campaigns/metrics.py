"""What Prometheus is told of campaigns: five cheap queries a scrape."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from campaigns import waiting
from campaigns.models import AttemptFlow, Campaign, CampaignStatus, DeliveryTotal
from campaigns.workflows.definition import CHANNELS


def campaign_metrics() -> Iterator[Metric]:
    """Campaigns by status, what waits by channel, and what ever became of deliveries and attempts."""
    campaigns = GaugeMetricFamily("pigeon_campaigns", "Campaigns standing in a status.", labels=["status"])
    counts = Campaign.objects.counts()
    for status in CampaignStatus.values:
        campaigns.add_metric([status], counts.get(status, 0))
    yield campaigns
    yield from _waiting()
    moves = CounterMetricFamily(
        "pigeon_campaign_delivery_transitions",
        "Moves of deliveries from status to status; from nothing: created.",
        labels=["from", "to"],
    )
    for old, new, n in DeliveryTotal.objects.values_list("from_status", "to_status", "n"):
        moves.add_metric([old, new], n)
    yield moves
    attempts = CounterMetricFamily(
        "pigeon_campaign_attempts", "Tries to hand a message over.", labels=["carrier", "outcome"]
    )
    for carrier, outcome, n in AttemptFlow.objects.totals():
        attempts.add_metric([carrier, outcome], n)
    yield attempts


def _waiting() -> Iterator[Metric]:
    pending = GaugeMetricFamily(
        "pigeon_campaign_deliveries_pending", "Deliveries of running campaigns yet to be sent.", labels=["channel"]
    )
    age = GaugeMetricFamily(
        "pigeon_campaign_oldest_due_seconds",
        "For how long the oldest delivery or reminder is due.",
        labels=["channel"],
    )
    now = timezone.now()
    n_pending, oldest = waiting.pending(), waiting.oldest_due(now)
    for channel in sorted(CHANNELS):
        pending.add_metric([channel], n_pending.get(channel, 0))
        age.add_metric([channel], (now - oldest.get(channel, now)).total_seconds())
    yield pending
    yield age
