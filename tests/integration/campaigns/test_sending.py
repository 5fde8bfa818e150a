from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import tasks
from campaigns.channels import Handed, Parcel
from campaigns.engine import lanes, outlines, recording, sending
from campaigns.engine.making import make
from campaigns.engine.recording import Result
from campaigns.engine.verdicts import TRIES, TRY_FOR
from campaigns.models import Attempt, AttemptOutcome, Campaign, Delivery, DeliveryEvent
from campaigns.services import steering
from ops_console.organizations.models import MemberStatus
from tests import campaigning
from tests.campaigning import (
    SECOND,
    Spy,
    assert_counters_equal_rows,
    crowd,
    send_all,
    started,
    statuses,
)
from tests.factories import COMMAND, NOW, organization

pytestmark = pytest.mark.django_db

Outcome = AttemptOutcome
HOUR = timedelta(hours=1)


def one_batch(now: datetime = NOW, limit: int = 1000) -> int:
    return sending.send_batch(clock=lambda: now, limit=limit)


# --- What is sent --------------------------------------------------------------------------------------------------


def test_everybody_is_sent_a_message_of_his_own(spy: Spy):
    sent = started(crowd(3))
    assert send_all(NOW) == 3
    assert statuses(sent) == {"sent": 3}
    assert {parcel.body for parcel in spy.parcels} == {
        f"Dear pigeon, loft {n} is inspected on Monday." for n in range(3)
    }
    assert {(parcel.title, parcel.sender_name, parcel.kind) for parcel in spy.parcels} == {
        ("Notice", "The loft", "send")
    }
    assert_counters_equal_rows()


def test_what_is_recorded(spy: Spy):
    started(crowd(1, profile={"custom_attributes": {"address.street": "Loft Lane 1", "shoe": "44"}}))
    send_all(NOW)
    delivery = Delivery.objects.select_related("content").get()
    assert delivery.content
    assert delivery.content.actions == [{"id": "ack", "type": "ack", "label": "Understood"}]
    assert (delivery.work, delivery.due_at, delivery.leased_by, delivery.lease_until) == ("", None, None, None)
    assert (delivery.sent_at, delivery.received_at, delivery.n_attempts) == (NOW, NOW, 1)
    attempt = Attempt.objects.get()
    assert (attempt.delivery_id, attempt.kind, attempt.carrier, attempt.outcome) == (
        delivery.pk,
        "send",
        "spy",
        Outcome.ACCEPTED,
    )
    assert [(event.from_status, event.to_status) for event in DeliveryEvent.objects.all()] == [("pending", "sent")]
    assert spy.parcels[0].address == {"street": "Loft Lane 1"}


def test_every_device_has_its_attempt_and_one_is_enough(spy: Spy):
    started(crowd(1))
    spy.answer = lambda parcel: [(Outcome.GONE, 'said "gone", \\ and\0 so'), Outcome.ACCEPTED]
    send_all(NOW)
    assert Delivery.objects.get().status == "sent"
    attempts = Attempt.objects.order_by("id").values_list("outcome", "detail")
    assert list(attempts) == [("gone", 'said "gone", \\ and so'), ("accepted", "")]


@pytest.mark.parametrize(
    ("answer", "status", "reason", "in_inbox"),
    [
        (Outcome.NONE, "no_device", "There is no device", True),
        ((Outcome.GONE, "unregistered"), "no_device", "unregistered", True),
        ((Outcome.REFUSED, "too, {large}"), "failed", "too, {large}", False),
        ((Outcome.UNFIT, "no address"), "failed", "no address", False),
    ],
)
def test_what_does_not_arrive(spy: Spy, answer, status: str, reason: str, in_inbox: bool):
    started(crowd(1))
    spy.answer = lambda parcel: [answer]
    send_all(NOW)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason, delivery.sent_at) == (status, reason, None)
    assert (delivery.received_at is not None, delivery.content_id is not None) == (in_inbox, in_inbox)
    assert_counters_equal_rows()


def test_who_cannot_be_written_to_fails_alone(spy: Spy):
    members = crowd(3)
    sent = started(members, variables=lambda number: {"loft": "7"} if number else {})
    members[1].status = MemberStatus.DEACTIVATED
    members[1].save()
    send_all(NOW)
    assert statuses(sent) == {"sent": 1, "failed": 2}
    reasons = Delivery.objects.filter(status="failed").order_by("reason").values_list("reason", flat=True)
    assert list(reasons) == ["The member is deactivated.", "There is no value for {{loft}}."]
    assert Attempt.objects.filter(outcome=Outcome.UNFIT).count() == 2


def test_a_batch_takes_the_same_statements_whatever_its_size(spy: Spy):
    counts = []
    for n in (2, 50):
        started(crowd(n))
        one_batch()
        started(crowd(n))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            one_batch()
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30


# --- Again, and later ----------------------------------------------------------------------------------------------


def test_later_is_tried_again_until_it_is_given_up(spy: Spy):
    sent = started(crowd(1))
    spy.answer = lambda parcel: [(Outcome.LATER, "busy", 60.0)]
    now, number = NOW, 0
    while now < NOW + TRY_FOR:
        assert send_all(now) == 1
        number += 1
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.work, delivery.n_attempts) == ("pending", "send", number)
        assert (delivery.leased_by, delivery.tried_since) == (None, NOW)
        assert send_all(now + 59 * SECOND) == 0
        assert delivery.due_at
        now = delivery.due_at
    assert send_all(now) == 1
    assert statuses(sent) == {"failed": 1}
    assert Delivery.objects.get().reason == f"Given up after {number + 1} tries in 6 hours. busy"
    assert len({parcel.delivery_id for parcel in spy.parcels}) == 1
    assert Attempt.objects.count() == number + 1 > TRIES
    # A retry has all its time before it.
    steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=now)
    assert send_all(now) == 1
    assert statuses(sent) == {"pending": 1}
    # One that was under way before the first try's time was kept is judged from its next try on.
    Delivery.objects.update(tried_since=None, due_at=now)
    assert send_all(now) == 1
    assert Delivery.objects.get().tried_since == now
    assert_counters_equal_rows()


def test_what_a_channel_does_not_get_to_is_no_try(spy: Spy):
    started(crowd(2))
    spy.answer = lambda parcel: [None]
    assert one_batch() == 2
    rows = set(Delivery.objects.values_list("status", "work", "n_attempts", "due_at", "leased_by"))
    assert rows == {("pending", "send", 0, NOW, None)}
    assert not Attempt.objects.exists()
    spy.answer = lambda parcel: [Outcome.ACCEPTED]
    assert one_batch() == 2


def test_a_provider_that_rests_for_hours_ends_in_failures_and_tells_of_it_once(
    spy: Spy, monkeypatch: pytest.MonkeyPatch
):
    sent = started(crowd(3))
    spy.answer = lambda parcel: [None]
    hand_over = spy.hand_over

    def rest(parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        return [replace(one, retry_after_s=300.0) for one in hand_over(parcels, now=now)]

    monkeypatch.setattr(spy, "hand_over", rest)
    resumed_at = NOW + 5 * HOUR
    for number in range(20):
        now = NOW + number * HOUR / 3
        if now == resumed_at:
            steering.pause(campaign_id=sent.pk, actor=COMMAND, now=now)
            steering.resume(campaign_id=sent.pk, actor=COMMAND, now=now)
        assert one_batch(now) == 3
        assert statuses(sent) == {"pending": 3}
        assert DeliveryEvent.objects.filter(to_status="put_off").count() == (3 if now < resumed_at else 6)
    assert one_batch(resumed_at + TRY_FOR) == 3
    assert statuses(sent) == {"failed": 3}
    reasons = set(Delivery.objects.values_list("reason", flat=True))
    assert reasons == {"Given up after 0 tries in 6 hours. no time"}
    assert not Attempt.objects.exists()
    assert_counters_equal_rows()


@pytest.mark.parametrize("answers", ["nothing", "breaks"])
def test_a_channel_that_fails_is_asked_again(spy: Spy, answers: str):
    started(crowd(2))
    if answers == "nothing":
        spy.answer = lambda parcel: []
    else:
        spy.answer = lambda parcel: [1 / 0]  # type: ignore[list-item]
    assert send_all(NOW) == 2
    assert {delivery.status for delivery in Delivery.objects.all()} == {"pending"}
    spy.answer = lambda parcel: [Outcome.ACCEPTED]
    assert send_all(NOW + 10 * SECOND) == 2
    assert Attempt.objects.filter(outcome=Outcome.LATER, carrier="push").count() == 2
    assert {delivery.status for delivery in Delivery.objects.all()} == {"sent"}


def test_the_failed_are_retried_under_the_same_id(spy: Spy):
    sent = started(crowd(2))
    spy.answer = lambda parcel: [Outcome.REFUSED]
    send_all(NOW)
    steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    spy.answer = lambda parcel: [Outcome.ACCEPTED]
    assert send_all(NOW) == 2
    assert statuses(sent) == {"sent": 2}
    assert {parcel.kind for parcel in spy.batches[1]} == {"retry"}
    assert {p.delivery_id for p in spy.batches[0]} == {p.delivery_id for p in spy.batches[1]}
    assert {delivery.reason for delivery in Delivery.objects.all()} == {""}
    assert_counters_equal_rows()


def test_a_reminder_says_the_same_again_and_moves_nothing(spy: Spy):
    sent = started(crowd(2))
    send_all(NOW)
    before = list(Delivery.objects.order_by("id").values("status", "content", "received_at", "sent_at"))
    assert steering.remind(campaign_id=sent.pk, actor=COMMAND, now=NOW)[1] == 2
    spy.answer = lambda parcel: [Outcome.REFUSED]
    assert send_all(NOW + SECOND) == 2
    first, second = spy.batches
    assert {(p.delivery_id, p.body) for p in first} == {(p.delivery_id, p.body) for p in second}
    assert {parcel.kind for parcel in second} == {"reminder"}
    assert list(Delivery.objects.order_by("id").values("status", "content", "received_at", "sent_at")) == before
    assert not Delivery.objects.exclude(work="", due_at=None).exists()


# --- When it is quiet ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("critical", [False, True])
def test_quiet_hours_are_the_recipients_own(spy: Spy, critical: bool):
    of = organization()
    # NOW is 9:30 in UTC, 5:30 in New York, 18:30 in Tokyo.
    zones = ["America/New_York", "Asia/Tokyo", ""]
    members = [crowd(1, of, {"custom_attributes": {"timezone": zone}})[0] for zone in zones]
    sent = started(members, quiet_from=time(22), quiet_until=time(8), critical=critical)
    send_all(NOW)
    if critical:
        assert statuses(sent) == {"sent": 3}
        return
    assert statuses(sent) == {"sent": 2, "pending": 1}
    waiting = Delivery.objects.get(status="pending")
    assert (waiting.due_at, waiting.n_attempts, waiting.leased_by) == (NOW + 2.5 * HOUR, 0, None)
    assert send_all(NOW + 2 * HOUR) == 0
    assert send_all(NOW + 2.5 * HOUR) == 1
    assert statuses(sent) == {"sent": 3}


# --- Whose turn it is ----------------------------------------------------------------------------------------------


def test_a_small_campaign_is_not_held_up_by_a_large_one(spy: Spy):
    large = started(crowd(30))
    assert one_batch(limit=5) == 5
    small = started(crowd(2))
    now = NOW + SECOND
    assert one_batch(now, limit=5) == 2
    assert statuses(small) == {"sent": 2}
    assert statuses(large) == {"sent": 5, "pending": 25}


def test_campaigns_take_turns(spy: Spy):
    campaigns = [started(crowd(6)) for _ in range(3)]
    for number in range(6):
        one_batch(NOW + number * SECOND, limit=2)
    assert [statuses(one) for one in campaigns] == [{"sent": 4, "pending": 2}] * 3


def test_a_campaign_has_a_rate_of_its_own(spy: Spy):
    slow, quick = started(crowd(7), rate_per_s=3), started(crowd(7))
    assert send_all(NOW) == 10
    assert (statuses(slow), statuses(quick)) == ({"sent": 3, "pending": 4}, {"sent": 7})
    assert send_all(NOW + 0.3 * SECOND) == 0
    assert send_all(NOW + 0.7 * SECOND) == 2
    assert send_all(NOW + SECOND) == 1
    assert send_all(NOW + 2 * SECOND) == 1


class Machine:
    """Workers on a clock of their own: a round begins every second, and a batch takes 40 ms."""

    def __init__(self, spy: Spy, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 0.0
        self.spy = spy
        hand_over = spy.hand_over

        def take_time(parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
            self.sleep(0.04)
            return hand_over(parcels, now=now)

        monkeypatch.setattr(spy, "hand_over", take_time)
        monkeypatch.setattr(tasks, "time", self)
        monkeypatch.setattr(tasks, "timezone", self)

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return NOW + self.at * SECOND

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    def send(self, n: int) -> float:
        """How long it takes until so many were handed over."""
        for began in range(60):
            self.at = max(self.at, float(began))
            tasks.send()
            if len(self.spy.parcels) == n:
                break
        return self.at


# As 5,000 a second in batches of 1,000, 1,000 in batches of 80 (their bodies are long), and 100 in one of 100.
@pytest.mark.parametrize(("rate", "in_batch"), [(100, 20), (50, 4), (5, 5)])
def test_a_rate_is_reached_and_not_passed(spy: Spy, monkeypatch: pytest.MonkeyPatch, rate: int, in_batch: int):
    machine = Machine(spy, monkeypatch)
    monkeypatch.setattr(outlines, "BATCH_CHARACTERS", in_batch * len(campaigning.BODY))
    started(crowd(4 * rate), rate_per_s=rate)
    # What goes out in the first second goes at once; the last second's needs its batches' time.
    assert 3 <= machine.send(4 * rate) < 4


def test_no_worker_sleeps_over_a_rate(spy: Spy, monkeypatch: pytest.MonkeyPatch):
    machine = Machine(spy, monkeypatch)
    monkeypatch.setattr(machine, "sleep", lambda seconds: pytest.fail("It sleeps."), raising=True)
    monkeypatch.setattr(spy, "hand_over", Spy.hand_over.__get__(spy))
    started(crowd(3), rate_per_s=1)
    assert (tasks.send(), tasks.send()) == (1, 0)


def test_who_is_put_off_or_left_out_does_not_use_up_the_rate(spy: Spy, monkeypatch: pytest.MonkeyPatch):
    of = organization()
    asleep, awake = ({"custom_attributes": {"timezone": zone}} for zone in ("America/New_York", "UTC"))
    members = [crowd(1, of, awake if number % 4 == 3 else asleep)[0] for number in range(80)]
    started(members, rate_per_s=5, quiet_from=time(22), quiet_until=time(8))
    assert Machine(spy, monkeypatch).send(20) == pytest.approx(4, abs=1)


def test_paused_and_cancelled_campaigns_are_not_served(spy: Spy):
    paused, cancelled = started(crowd(2)), started(crowd(2))
    steering.pause(campaign_id=paused.pk, actor=COMMAND, now=NOW)
    steering.cancel_campaign(campaign_id=cancelled.pk, actor=COMMAND, now=NOW)
    assert send_all(NOW) == 0
    steering.resume(campaign_id=paused.pk, actor=COMMAND, now=NOW + HOUR)
    assert send_all(NOW + HOUR) == 2
    assert (statuses(paused), statuses(cancelled)) == ({"sent": 2}, {"pending": 2})


def test_what_was_handed_over_is_recorded_though_the_campaign_was_cancelled_meanwhile(spy: Spy):
    sent = started(crowd(2))

    def answer(parcel: object) -> list[AttemptOutcome]:
        if len(spy.batches) == 1 and Campaign.objects.get().status == "running":
            steering.cancel_campaign(campaign_id=sent.pk, actor=COMMAND, now=NOW)
        return [Outcome.ACCEPTED]

    spy.answer = answer
    send_all(NOW)
    assert statuses(sent) == {"sent": 2}
    assert_counters_equal_rows()


# --- Leases --------------------------------------------------------------------------------------------------------


def test_a_leased_delivery_is_due_again_when_the_lease_is_over(spy: Spy, settings: LazySettings):
    settings.CAMPAIGN_LEASE_S = 5.0
    started(crowd(2))
    assert lanes.claim(now=NOW)
    assert send_all(NOW + 4.9 * SECOND) == 0
    assert send_all(NOW + 5 * SECOND) == 2


def test_a_claim_that_was_taken_over_records_nothing(spy: Spy):
    sent = started(crowd(2))
    lost = lanes.claim(now=NOW)
    assert lost
    made = make(lost, now=NOW)
    assert send_all(NOW + HOUR) == 2
    (handed,) = [sending.hand_over(name, parcels, lambda: NOW) for name, parcels in made.parcels.items()]
    result = Result(sending.judge_all(lost, made, handed, NOW), handed, made.contents)
    before = list(Delivery.objects.order_by("id").values())
    assert recording.record(lost, result, organization_id=sent.organization_id, now=NOW + HOUR) == 0
    assert list(Delivery.objects.order_by("id").values()) == before
    assert Attempt.objects.count() == 2
    assert_counters_equal_rows()


def test_a_large_body_makes_small_batches(spy: Spy):
    members = crowd(3)
    heavy = campaigning.template(members[0].organization, body="coo " * 500_000, variables=[])
    started(members, of_template=heavy)
    assert one_batch() == 2
