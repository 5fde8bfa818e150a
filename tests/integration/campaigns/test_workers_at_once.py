from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pytest
from django.db import connection, transaction
from django.utils import timezone

from campaigns import tasks, transitions
from campaigns.channels import Handed, Parcel
from campaigns.engine import sending
from campaigns.engine.sending import send_batch
from campaigns.engine.steps import advance_due
from campaigns.models import Attempt, Campaign, CampaignFlow, Closing, Delivery, DeliveryStatus
from campaigns.transitions import close_members, move_delivery
from ops_console.errors import InvalidTransition
from tests.campaigning import (
    Spy,
    assert_counters_equal_rows,
    closings,
    crowd,
    send,
    send_all,
    started,
    statuses,
    step,
    steps_of,
)
from tests.factories import NOW
from tests.threads import in_threads
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("committed_db")


def test_workers_at_once_send_each_delivery_once(spy: Spy):
    campaigns = [started(crowd(n)) for n in (150, 40, 10)]

    def work(number: int) -> int:
        # A lane that another worker is choosing is passed over: nothing found is not nothing left.
        n = 0
        while Delivery.objects.filter(status="pending", leased_by=None).exists():
            n += send_batch(clock=timezone.now, limit=7)
        return n

    done = in_threads(4, work)
    assert sum(n for n in done if isinstance(n, int)) == 200, done
    assert [statuses(one) for one in campaigns] == [{"sent": 150}, {"sent": 40}, {"sent": 10}]
    assert set(Counter(parcel.delivery_id for parcel in spy.parcels).values()) == {1}
    assert Attempt.objects.count() == 200
    assert_counters_equal_rows()


def test_of_workers_at_once_one_moves_a_step(spy: Spy):
    sent = started(crowd(50), send(completed="again"), send("again", completed="miss"), step("miss", "mark_missed"))
    send_all(NOW)

    def work(number: int) -> None:
        for _ in range(20):
            advance_due(now=timezone.now())
            send_batch(clock=timezone.now, limit=20)

    assert in_threads(4, work) == [None] * 4
    # They may have found each other at work and come no further; a step may be due only in a moment.
    wait_until(lambda: tasks.advance() + tasks.send() == 0 and steps_of(sent)["miss"] == "completed")
    assert statuses(sent) == {"missed": 100}
    assert_counters_equal_rows()


def test_who_acknowledges_while_the_others_are_marked_missed_has_not_missed_it(
    spy: Spy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("campaigns.engine.missing_out.BATCH", 5)
    sent = started(crowd(300), send(completed="miss"), step("miss", "mark_missed"))
    send_all(NOW)
    deliveries = list(Delivery.objects.order_by("?"))

    def acknowledge(share: Sequence[Delivery]) -> None:
        for delivery in share:
            try:
                with transaction.atomic():
                    move_delivery(delivery, DeliveryStatus.ACKNOWLEDGED, actor="tests", at=NOW)
                    close_members([delivery.recipient_id], Closing.ACKNOWLEDGED, at=NOW)
            except InvalidTransition:
                pass

    def work(number: int) -> None:
        if number:
            acknowledge(deliveries[number - 1 :: 3])
        else:
            while advance_due(now=NOW.replace(year=2027)):
                pass

    assert in_threads(4, work) == [None] * 4
    fates = statuses(sent)
    assert sum(fates.values()) == 300
    assert set(fates) == {"acknowledged", "missed"}
    assert closings(sent) == fates
    assert Campaign.objects.get().status == "completed"
    assert_counters_equal_rows()


def test_recording_waits_for_a_database_that_is_away(spy: Spy, monkeypatch: pytest.MonkeyPatch):
    """The connection is cut between handing over and recording; nothing is handed over twice."""
    monkeypatch.setattr(sending, "PAUSE_S", 0.01)
    sent = started(crowd(3))

    def cut(parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        handed = Spy.hand_over(spy, parcels, now=now)
        connection.connection.close()
        return handed

    monkeypatch.setattr(spy, "hand_over", cut)
    assert send_batch(clock=timezone.now) == 3
    assert (statuses(sent), len(spy.batches)) == ({"sent": 3}, 1)


def test_folding_keeps_the_counts(spy: Spy):
    started(crowd(20))
    while send_batch(clock=lambda: NOW, limit=3):
        pass
    n_before = CampaignFlow.objects.count()
    assert transitions.fold_flow() < n_before
    assert_counters_equal_rows()
