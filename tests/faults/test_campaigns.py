"""Workers are killed between handing messages over and recording that they did, and while they record."""

from __future__ import annotations

from collections import Counter
from typing import LiteralString

import pytest
from django.utils import timezone

from campaigns.models import Attempt, Campaign, CampaignStatus, Delivery, DeliveryEvent, DeliveryStatus
from tests.campaigning import assert_counters_equal_rows, crowd, started
from tests.fakes.noting_channel import CHANNEL, FILE, noted
from tests.faults.house import PATIENCE_S, House
from tests.faults.queues import SLOWEST_PER_S

N_CAMPAIGNS = 8
LEASE_S = 3
# Where a worker is when it is killed: what holds it up there, and the statement it is at.
MIDSTS: list[tuple[LiteralString, str]] = [
    # Handed over, nothing recorded.
    ("LOCK TABLE campaigns_content IN SHARE MODE", "INSERT INTO campaigns_content"),
    # Deliveries have moved and have no attempts.
    ("LOCK TABLE campaigns_attempt IN SHARE MODE", "INSERT INTO campaigns_attempt"),
]


@pytest.fixture(params=[2_000, pytest.param(20_000, marks=pytest.mark.faults)])
def campaigns(house: House, request: pytest.FixtureRequest) -> list[Campaign]:
    """Campaigns that share this many recipients evenly, started just now."""
    members = crowd(request.param)
    return [started(members[start::N_CAMPAIGNS], now=timezone.now()) for start in range(N_CAMPAIGNS)]


def test_killed_workers_lose_nobody_and_repeat_a_batch_under_its_ids(house: House, campaigns: list[Campaign]) -> None:
    file = house.folder / "parcels"
    house.start("beat")
    variables = {"PUSH_CHANNEL": CHANNEL, FILE: str(file), "CAMPAIGN_LEASE_S": str(LEASE_S)}
    worker = house.start("worker", WORKER_PROCESSES="1", **variables)
    for hold, statement in MIDSTS:
        with house.standstill(hold, statement):
            worker.kill()
        worker.start()
    n = Delivery.objects.count()
    done = Campaign.objects.filter(status=CampaignStatus.COMPLETED)
    house.wait_until(lambda: done.count() == N_CAMPAIGNS, PATIENCE_S + n / SLOWEST_PER_S)
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.SENT: n}
    assert Delivery.objects.values("recipient").distinct().count() == n
    assert not Delivery.objects.filter(received_at=None).exists()
    # What was lost is not recorded, and what was repeated is recorded once.
    assert Attempt.objects.count() == DeliveryEvent.objects.count() == n
    assert_counters_equal_rows()
    batches = noted(file)
    parcels = Counter(pk for batch in batches for pk in batch)
    assert set(parcels) == {str(pk) for pk in Delivery.objects.values_list("pk", flat=True)}
    assert 0 < parcels.total() - n <= len(MIDSTS) * max(map(len, batches))
