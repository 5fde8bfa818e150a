"""Campaigns under many hands at once, each with its own connection."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.engine.lanes import claim
from campaigns.models import Campaign, CampaignStatus, CampaignStep, Delivery
from campaigns.services import steering
from ops_console.errors import InvalidTransition
from tests import campaigns as made
from tests import factories, tenants
from tests.campaigns import later
from tests.factories import COMMAND, NOW
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")


def kinds(results: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for result in results:
        found[type(result).__name__] = found.get(type(result).__name__, 0) + 1
    return found


def test_of_twenty_starts_one_starts() -> None:
    organization = factories.organization()
    campaign = made.campaign(organization, *tenants.members(organization, 30))
    results = in_threads(20, lambda _: steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW))
    assert kinds(results) == {"Campaign": 1, InvalidTransition.__name__: 19}
    assert Delivery.objects.filter(campaign=campaign).count() == 30
    assert CampaignStep.objects.filter(campaign=campaign).count() == 1
    made.assert_counts_equal_rows(campaign)


def test_of_many_clocks_one_starts_each() -> None:
    organization = factories.organization()
    campaigns = [made.campaign(organization) for _ in range(5)]
    for campaign in campaigns:
        steering.schedule(campaign_id=campaign.pk, at=later(hours=1), actor=COMMAND, now=NOW)
    results = in_threads(6, lambda _: steering.start_due(later(hours=1)))
    assert sum(result for result in results if isinstance(result, int)) == 5
    assert set(Campaign.objects.values_list("status", flat=True)) == {CampaignStatus.RUNNING}
    assert Delivery.objects.count() == 5


def test_cancelling_while_workers_claim_and_others_retry() -> None:
    organization = factories.organization()
    campaign = made.campaign(organization, *tenants.members(organization, 40))
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)

    def act(number: int) -> Any:
        if number == 3:
            return steering.cancel_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
        if number % 2:
            return claim(now=later(seconds=1), limit=5)
        return steering.remind(campaign_id=campaign.pk, actor=COMMAND, now=NOW)

    in_threads(8, act)
    assert claim(now=later(hours=1)) is None
    assert not Delivery.objects.exclude(due_at=None).exists()
    made.assert_counts_equal_rows(campaign)
