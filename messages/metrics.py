"""What Prometheus is told of the queue: three cheap queries a scrape."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from messages.models import MessageFlow
from messages.querysets import oldest_queued
from ops_console.regions import Region


def queue_metrics() -> Iterator[Metric]:
    """Depth by region and status, transitions ever, and for how long the oldest queued message waits."""
    depth = GaugeMetricFamily(
        "pigeon_messages", "Messages standing in a status, by region of destination.", labels=["region", "status"]
    )
    for (region, status), n in MessageFlow.objects.depths().items():
        depth.add_metric([region, status], n)
    yield depth
    moves = CounterMetricFamily(
        "pigeon_message_transitions",
        "Moves from status to status; from nothing: created.",
        labels=["region", "from", "to"],
    )
    for region, old, new, n in MessageFlow.objects.totals():
        moves.add_metric([region, old, new], n)
    yield moves
    age = GaugeMetricFamily("pigeon_oldest_queued_seconds", "Age of the oldest queued message.", labels=["region"])
    now = timezone.now()
    for region, created_at in oldest_queued(Region.values).items():
        age.add_metric([region], (now - created_at).total_seconds())
    yield age
