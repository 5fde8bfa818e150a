"""What Prometheus is told of campaigns, beside the rows it stands for."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from campaigns import metrics
from campaigns.channels import Parcel
from campaigns.models import Attempt, AttemptFlow, AttemptOutcome, DeliveryEvent
from campaigns.services import steering
from campaigns.transitions import fold_flow
from tests import factories
from tests.campaigning import Spy, campaign, crowd, deadline, send, send_all, started
from tests.factories import COMMAND

pytestmark = pytest.mark.django_db
Figures = dict[str, dict[tuple[str, ...], float]]


def scraped(client: Client, settings: LazySettings) -> Figures:
    text = client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"}).content.decode()
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
        if family.name.startswith("pigeon_campaign")
    }


def test_the_figures_are_those_of_the_rows(client: Client, settings: LazySettings, spy: Spy) -> None:
    now, of = timezone.now(), factories.organization()
    factories.account(of)
    outcomes = iter([AttemptOutcome.ACCEPTED, AttemptOutcome.NONE, AttemptOutcome.LATER])

    def answer(parcel: Parcel) -> list[AttemptOutcome]:
        return [next(outcomes)]

    spy.answer = answer
    campaign(crowd(1, of))
    assert scraped(client, settings)["pigeon_campaigns"][("created",)] == 1
    started(crowd(3, of), now=now)
    assert send_all(now) == 3
    # Of these nothing is sent: it waits for two minutes, by both channels, and because it is to wait.
    earlier = now - timedelta(minutes=2)
    pigeon = {"type": "pigeon"}
    started(crowd(2, of), send("first", pigeon, completed="second"), send("second"), now=earlier)
    started(crowd(4, of), now=now - timedelta(hours=1), rate_per_s=1)
    paused = started(crowd(5, of), now=now - timedelta(hours=2))
    steering.pause(campaign_id=paused.pk, actor=COMMAND, now=now)
    gone = started(crowd(6, of), now=now - timedelta(hours=3))
    steering.cancel_campaign(campaign_id=gone.pk, actor=COMMAND, now=now)
    started(crowd(1, of), deadline(), now=now)

    found = scraped(client, settings)
    statuses = {"created": 1, "running": 5, "cancelled": 1, "completed": 0, "failed": 0}
    assert found["pigeon_campaigns"] == {(status,): n for status, n in statuses.items()}
    assert found["pigeon_campaign_deliveries_pending"] == {("push",): 1 + 4 + 5, ("pigeon",): 2}
    age = found["pigeon_campaign_oldest_due_seconds"]
    assert age[("push",)] == 0
    assert 120 <= age[("pigeon",)] < 180
    events = DeliveryEvent.objects.values_list("from_status", "to_status")
    attempts = Counter(Attempt.objects.values_list("carrier", "outcome"))
    for _ in range(2):
        # Folded twice, counted once.
        fold_flow()
        found = scraped(client, settings)
        moves = found["pigeon_campaign_delivery_transitions"]
        assert {key: n for key, n in moves.items() if key[0]} == Counter(events)
        assert moves["", "pending"] == 3 + 2 + 4 + 5 + 6
        assert found["pigeon_campaign_attempts"] == attempts
    assert AttemptFlow.objects.count() == len(attempts) == 3


def test_a_scrape_takes_five_queries() -> None:
    with CaptureQueriesContext(connection) as queries:
        list(metrics.campaign_metrics())
    assert len(queries) == 5
