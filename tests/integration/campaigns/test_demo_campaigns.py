"""The demo's campaigns: one has run, one waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from campaigns import demo
from campaigns.engine import lanes
from campaigns.models import Attempt, Campaign, Delivery, Device, Template
from campaigns.services.preflight import preflight
from campaigns.services.steering import start_campaign
from campaigns.services.timelines import get_delivery, timeline
from ops_console.organizations.demo import load_members
from tests import factories
from tests.campaigning import assert_counters_equal_rows, run, statuses
from tests.factories import COMMAND, NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]


def test_one_has_run_and_one_waits_however_often_it_is_loaded(settings: LazySettings) -> None:
    settings.PUSH_CONSOLE = True
    account = factories.account()
    assert account.organization
    load_members(account.organization, domain="feathers.example", now=NOW)
    seen: list[Any] = []
    for day in range(2):
        at = NOW + timedelta(days=day)
        assert demo.load_campaigns(account.organization, domain="feathers.example", now=at) == 2
        rows = Delivery.objects.values_list("pk", "status", "sent_at", "read_at", "acted_at")
        seen.append([*Template.objects.values_list("pk", "version"), *Campaign.objects.values_list("pk"), *rows])
    assert seen[0] == seen[1]
    assert Device.objects.count() == len(demo.PHONES)

    ran, waits = Campaign.objects.order_by("created_at", "id")
    assert (ran.status, waits.status) == ("completed", "created")
    assert statuses(ran) == {"acknowledged": 3, "delivered": 1, "sent": 2, "no_device": 2}
    assert set(Attempt.objects.values_list("carrier", "outcome")) == {("console", "accepted"), ("push", "none")}
    delivery = Delivery.objects.get(member__person__email="esme.turner@feathers.example")
    told = [moment.what for moment in timeline(get_delivery(delivery_id=delivery.pk, actor=COMMAND))]
    assert {"queued", "handed_over", "delivered", "read"} <= set(told)
    assert delivery.content
    assert delivery.content.body.startswith("Dear Esme,\n\nthe race is on **Sunday at seven**. You are wanted at the ")
    assert_counters_equal_rows()

    found = preflight(campaign_id=waits.pk, actor=COMMAND, now=NOW)
    assert (found.recipients, found.will_send, found.unfit, found.problems) == (12, 10, 2, [])
    assert {example.reason for example in found.examples} == {"There is no value for {{place}}."}
    assert found.estimate
    assert found.estimate.is_affordable


def test_beside_a_running_console_its_workers_are_waited_for(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUSH_CONSOLE = True
    account = factories.account()
    assert account.organization
    load_members(account.organization, domain="feathers.example", now=NOW)

    def start_and_claim(**given: Any) -> Campaign:
        started = start_campaign(**given)
        assert lanes.claim(now=NOW)
        return started

    def load() -> Campaign:
        assert account.organization
        demo.load_campaigns(account.organization, domain="feathers.example", now=NOW)
        return Campaign.objects.get(name=demo.PUSHED)

    monkeypatch.setattr(demo, "start_campaign", start_and_claim)
    monkeypatch.setattr(demo, "sleep", lambda seconds: None)
    monkeypatch.setattr(demo, "PATIENCE_S", 0.1)
    assert statuses(load()) == {"pending": 8}
    # Loaded again, it goes on; the worker is done while it waits.
    monkeypatch.setattr(demo, "sleep", lambda seconds: run(NOW + timedelta(hours=1)))
    monkeypatch.setattr(demo, "PATIENCE_S", 30.0)
    assert statuses(load()) == {"acknowledged": 3, "delivered": 1, "sent": 2, "no_device": 2}
    assert_counters_equal_rows()
