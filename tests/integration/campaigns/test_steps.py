from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.channels import Parcel
from campaigns.engine import finishing, outcomes, sending
from campaigns.engine.sending import send_batch
from campaigns.engine.steps import RETRY, advance_due
from campaigns.models import AttemptOutcome as Outcome
from campaigns.models import Campaign, CampaignEvent, CampaignStep, Closing, Delivery, DeliveryStatus
from campaigns.services import inbox, steering
from campaigns.transitions import close_members, move_delivery
from ops_console.outbox import services as outbox
from ops_console.outbox.models import Webhook, WebhookStatus
from ops_console.outbox.retries import RETRY_FOR
from ops_console.outbox.states import WEBHOOKS
from tests import tenants
from tests.campaigning import (
    ACK,
    SECOND,
    Spy,
    advance_all,
    assert_counters_equal_rows,
    closings,
    crowd,
    deadline,
    run,
    send,
    send_all,
    started,
    statuses,
    step,
    steps_of,
)
from tests.factories import COMMAND, NOW, account

pytestmark = pytest.mark.django_db

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOOK = {"name": "Tell them", "url": "https://93.184.216.34/hook"}


def acknowledge(delivery: Delivery, *, now: Any = NOW) -> None:
    move_delivery(delivery, DeliveryStatus.ACKNOWLEDGED, actor="tests", at=now, acted_at=now, work="", due_at=None)
    close_members([delivery.recipient_id], Closing.ACKNOWLEDGED, at=now)


def status_of(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).status


def hook(key: str = "hook", **then: str) -> dict[str, Any]:
    return step(key, "call_webhook", HOOK, **then)


def remind(key: str = "remind", config: Mapping[str, Any] | None = None, **then: str) -> dict[str, Any]:
    return step(key, "send_reminder", config, **then)


def miss(key: str = "miss", **then: str) -> dict[str, Any]:
    return step(key, "mark_missed", None, **then)


# --- How each type of step ends ------------------------------------------------------------------------------------

A, N, R = Outcome.ACCEPTED, Outcome.NONE, Outcome.REFUSED


@pytest.mark.parametrize(
    ("answers", "ends", "campaign"),
    [
        ([A, A, A], "completed", "completed"),
        ([A, R, R], "completed", "completed"),
        ([N, N, N], "completed", "completed"),
        ([N, R, R], "completed", "completed"),
        ([R, R, R], "failed", "failed"),
    ],
)
def test_sending_fails_only_when_every_delivery_failed(spy: Spy, answers: list[Outcome], ends: str, campaign: str):
    sent = started(crowd(3))
    given = iter(answers)
    spy.answer = lambda parcel: [next(given)]
    run(NOW)
    assert (steps_of(sent), status_of(sent)) == ({"send": ends}, campaign)


def test_a_retry_ordered_while_it_is_completed_is_not_lost(spy: Spy, monkeypatch: pytest.MonkeyPatch):
    sent = started(crowd(2))
    answers = iter([A, R])
    spy.answer = lambda parcel: [next(answers, A)]
    send_all(NOW)
    claim = finishing._claim

    def claim_and_retry() -> Any:
        """What is committed after the claim began to look, and before it holds the campaign."""
        found = claim()
        if found is not None and len(spy.batches) == 1:
            assert steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW)[1] == 1
        return found

    monkeypatch.setattr(finishing, "_claim", claim_and_retry)
    advance_all(NOW + SECOND)
    assert status_of(sent) == "running"
    run(NOW + SECOND)
    assert (status_of(sent), statuses(sent)) == ("completed", {"sent": 2})


def test_a_failed_campaign_leaves_no_work_behind(spy: Spy):
    sent = started(crowd(3), send(completed="hook"), hook())
    answers = iter([A, R, R])
    spy.answer = lambda parcel: [next(answers)]
    run(NOW)
    steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    steering.remind(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    page = Webhook.objects.get()
    WEBHOOKS.move_one(page.pk, WebhookStatus.FAILED, actor="tests", at=NOW)
    advance_all(NOW + MINUTE)
    assert status_of(sent) == "failed"
    left = Delivery.objects.order_by("status").values_list("status", "work", "due_at", "reason")
    ended = "The campaign failed before it was sent."
    assert list(left) == [("pending", "", None, ended)] * 2 + [("sent", "", None, "")]
    assert send_all(NOW + HOUR) == 0
    assert_counters_equal_rows()


def test_what_waits_for_who_is_closed_is_not_sent(spy: Spy):
    """By rate, quiet hours or retry: a pigeon would fly and be paid."""
    members = crowd(4)
    sent = started(members, send(completed="again"), send("again", completed="wait"), deadline("wait"), rate_per_s=4)
    spy.answer = lambda parcel: [R if parcel.member_id == members[3].pk else A]
    send_all(NOW)
    advance_all(NOW + SECOND)
    assert statuses(sent) == {"sent": 3, "failed": 1, "pending": 4}
    steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    first = {delivery.member_id: delivery for delivery in Delivery.objects.filter(step__key="send")}
    acknowledge(first[members[0].pk])
    close_members(sorted(first[member.pk].recipient_id for member in (members[1], members[3])), Closing.MISSED, at=NOW)
    spy.batches.clear()
    run(NOW + MINUTE)
    assert [parcel.member_id for parcel in spy.parcels] == [members[2].pk]
    second = Delivery.objects.filter(step__key="again").order_by("recipient").values_list("status", "reason", "sent_at")
    assert [status for status, *_ in second] == ["acknowledged", "missed", "sent", "missed"]
    assert list(second)[:2] == [
        ("acknowledged", "Has acknowledged meanwhile.", None),
        ("missed", "Has missed it meanwhile.", None),
    ]
    assert Delivery.objects.get(pk=first[members[3].pk].pk).status == "missed"
    assert steps_of(sent)["again"] == "completed"
    assert_counters_equal_rows()


@pytest.mark.parametrize(("taken_s", "n_at_once"), [(9.0, 2), (11.0, 1)])
def test_a_second_channel_has_its_turn_while_the_lease_is_young(
    spy: Spy, monkeypatch: pytest.MonkeyPatch, taken_s: float, n_at_once: int
):
    members = crowd(2)
    account(members[0].organization)
    sent = started(members, send(completed="again"), send("again", {**ACK, "type": "pigeon"}))
    spy.answer = lambda parcel: [R if parcel.member_id == members[0].pk else A]
    send_all(NOW)
    advance_all(NOW + SECOND)
    # The retry by push, and the other one's pigeon.
    steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    times = iter([0.0, taken_s])
    monkeypatch.setattr(sending, "time", SimpleNamespace(monotonic=lambda: next(times, taken_s)))
    spy.answer = lambda parcel: [A]
    spy.batches.clear()
    assert send_batch(clock=lambda: NOW + SECOND) == 3
    assert len(spy.batches) == n_at_once
    run(NOW + SECOND)
    assert statuses(sent) == {"sent": 4}
    assert set(Delivery.objects.filter(step__key="again").values_list("n_attempts", flat=True)) == {1}


@pytest.mark.parametrize(("ends", "follower"), [("completed", "left"), ("failed", "right")])
def test_the_outcome_leads_on(spy: Spy, ends: str, follower: str):
    sent = started(crowd(1), send(completed="left", failed="right"), deadline("left"), deadline("right"))
    spy.answer = lambda parcel: [A if ends == "completed" else R]
    run(NOW)
    other = {"left": "right", "right": "left"}[follower]
    assert steps_of(sent) == {"send": ends} | {follower: "active", other: "waiting"}
    assert status_of(sent) == "running"


def test_a_failure_without_a_transition_fails_the_campaign_and_says_why(spy: Spy):
    sent = started(crowd(2), send(completed="next"), deadline("next"))
    spy.answer = lambda parcel: [R]
    run(NOW)
    sent.refresh_from_db()
    assert (sent.status, sent.failure) == ("failed", "Step send: All deliveries failed: 2.")
    assert sent.ended_at
    assert list(CampaignEvent.objects.filter(subject=sent).order_by("id").values_list("to_status", flat=True)) == [
        "created",
        "running",
        "failed",
    ]


def test_a_deadline_ends_when_it_is_over(spy: Spy):
    sent = started(crowd(2), send(completed="deadline"), deadline(delay="90m"))
    run(NOW)
    entered = CampaignStep.objects.get(key="deadline").entered_at
    assert entered
    assert advance_due(now=entered + 90 * MINUTE - SECOND) == 0
    assert steps_of(sent)["deadline"] == "active"
    assert advance_all(entered + 90 * MINUTE) == 2
    assert (steps_of(sent)["deadline"], status_of(sent)) == ("completed", "completed")


def test_a_deadline_ends_at_once_when_nobody_is_open(spy: Spy):
    sent = started(crowd(2), send(completed="deadline"), deadline(delay="8760h"))
    run(NOW)
    first, second = Delivery.objects.all()
    acknowledge(first)
    assert advance_due(now=NOW + MINUTE) == 0
    acknowledge(second)
    assert advance_all(NOW + MINUTE) == 2
    assert (steps_of(sent)["deadline"], status_of(sent)) == ("completed", "completed")


def test_a_reminder_goes_to_those_who_were_reached_and_are_open(spy: Spy):
    sent = started(crowd(5), send(completed="remind"), remind(completed="deadline"), deadline())
    given = iter([A, A, A, R, N])
    spy.answer = lambda parcel: [next(given)]
    assert send_batch(clock=lambda: NOW) == 5
    reached = list(Delivery.objects.filter(status="sent").order_by("id"))
    acknowledge(reached[0])
    move_delivery(reached[1], DeliveryStatus.DELIVERED, actor="tests", at=NOW)
    assert advance_due(now=NOW + SECOND)
    assert steps_of(sent)["remind"] == "active"
    # The reminders are not out yet.
    assert advance_due(now=NOW + SECOND)
    assert steps_of(sent)["remind"] == "active"
    spy.answer = lambda parcel: [A]
    run(NOW + 2 * SECOND)
    assert {(p.delivery_id, p.kind) for p in spy.batches[1]} == {(d.pk, "reminder") for d in reached[1:]}
    assert steps_of(sent) == {"send": "completed", "remind": "completed", "deadline": "active"}
    assert_counters_equal_rows()


def test_a_reminder_is_of_the_newest_delivery_and_not_of_those_who_acknowledge_meanwhile(spy: Spy):
    sent = started(crowd(2), send(completed="again"), send("again", completed="remind"), remind())
    run(NOW)
    assert {parcel.kind for parcel in spy.batches[2]} == {"reminder"}
    newest = set(Delivery.objects.filter(step__key="again").values_list("pk", flat=True))
    assert {parcel.delivery_id for parcel in spy.batches[2]} == newest
    assert status_of(sent) == "completed"

    late = started(crowd(2), send(completed="remind"), remind())
    send_all(NOW)
    advance_due(now=NOW + SECOND)
    acknowledge(Delivery.objects.filter(campaign=late, work="reminder")[0])
    # By another delivery of his: the one that is due is left.
    other = Delivery.objects.get(campaign=late, work="reminder")
    close_members([other.recipient_id], Closing.ACKNOWLEDGED, at=NOW)
    run(NOW + 2 * SECOND)
    assert len(spy.batches) == 4
    assert status_of(late) == "completed"


def test_a_reminder_takes_the_channel_it_names(spy: Spy, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def channel(name: str) -> Spy:
        asked.append(name)
        return spy

    monkeypatch.setattr(sending, "channel", channel)
    members = crowd(1)
    account(members[0].organization)
    started(members, send(completed="remind"), remind(config={"type": "pigeon"}))
    run(NOW)
    assert asked == ["push", "pigeon"]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_missed_are_the_sent_and_delivered_of_those_still_open(spy: Spy, monkeypatch: pytest.MonkeyPatch, batch: int):
    monkeypatch.setattr("campaigns.engine.missing_out.BATCH", batch)
    sent = started(
        crowd(6), send(completed="again"), send("again", completed="deadline"), deadline(completed="miss"), miss()
    )
    # Nobody's first delivery arrives twice; one has none that arrived, and one only failed ones.
    fates = dict(zip(Delivery.objects.order_by("id").values_list("member", flat=True), [A, A, A, A, N, R], strict=True))
    spy.answer = lambda parcel: [fates[parcel.member_id]]
    run(NOW)
    first, second, *_ = Delivery.objects.filter(step__key="again", status="sent").order_by("id")
    acknowledge(first)
    move_delivery(second, DeliveryStatus.DELIVERED, actor="tests", at=NOW)
    run(NOW + 2 * HOUR)
    # Both deliveries of three, but not the first of him who acknowledged the second.
    assert statuses(sent) == {"missed": 6, "acknowledged": 1, "sent": 1, "no_device": 2, "failed": 2}
    assert closings(sent) == {"missed": 3, "acknowledged": 1, "open": 2}
    assert status_of(sent) == "completed"
    assert_counters_equal_rows()


@pytest.mark.parametrize("answer", [A, N, Outcome.LATER])
def test_what_is_in_the_inbox_and_waits_is_missed_whoever_comes_first(spy: Spy, answer: Outcome):
    """Two are retried, one of them by a worker just then; both were reached by their second delivery."""
    members = crowd(3)
    sent = started(
        members, send(completed="again"), send("again", completed="wait"), deadline("wait", completed="miss"), miss()
    )
    spy.answer = lambda parcel: [A if parcel.member_id == members[2].pk else N]
    send_all(NOW)
    spy.answer = lambda parcel: [A]
    run(NOW)
    assert statuses(sent) == {"no_device": 2, "sent": 4}
    steering.retry_failed(campaign_id=sent.pk, no_device=True, actor=COMMAND, now=NOW + MINUTE)
    spy.batches.clear()

    def meanwhile(parcel: Parcel) -> list[Outcome]:
        for _ in range(4):
            advance_due(now=NOW + 2 * HOUR)
        assert closings(sent) == {"missed": 3}
        entries, _ = inbox.sync(actor=tenants.signed_in(members[0]), since=None, now=NOW + 2 * HOUR)
        assert {entry.status for entry in entries} == {"missed"}
        return [answer]

    spy.answer = meanwhile
    assert send_batch(clock=lambda: NOW + HOUR, limit=1) == 1
    inbox.sync(actor=tenants.signed_in(members[1]), since=None, now=NOW + 2 * HOUR)
    run(NOW + 3 * HOUR)
    assert len(spy.parcels) == 1
    assert statuses(sent) == {"missed": 6}
    assert set(Delivery.objects.values_list("work", "due_at", "reason")) == {("", None, "")}
    assert status_of(sent) == "completed"
    assert_counters_equal_rows()


def test_who_missed_it_is_reminded_no_more(spy: Spy):
    sent = started(crowd(2), send(completed="deadline"), deadline(completed="miss"), miss())
    run(NOW)
    steering.remind(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    while advance_due(now=NOW + 2 * HOUR):
        pass
    assert not Delivery.objects.exclude(due_at=None).exists()
    assert statuses(sent) == {"missed": 2}


# --- Webhooks ------------------------------------------------------------------------------------------------------


def end_webhook(to: WebhookStatus) -> None:
    WEBHOOKS.move_one(Webhook.objects.get().pk, to, actor="tests", at=NOW, ended_at=NOW)


@pytest.mark.parametrize(
    ("to", "then", "ends", "campaign"),
    [
        (WebhookStatus.DELIVERED, {}, "completed", "completed"),
        (WebhookStatus.DELIVERED, {"completed": "next"}, "completed", "running"),
        (WebhookStatus.FAILED, {}, "failed", "failed"),
        (WebhookStatus.FAILED, {"completed": "next"}, "failed", "failed"),
        (WebhookStatus.FAILED, {"failed": "next"}, "failed", "running"),
    ],
)
def test_a_webhook_is_followed_to_its_end(
    spy: Spy, to: WebhookStatus, then: Mapping[str, str], ends: str, campaign: str
):
    steps = [send(completed="hook"), hook(**then), *([deadline("next")] if then else [])]
    sent = started(crowd(1), *steps)
    run(NOW)
    assert (steps_of(sent)["hook"], status_of(sent)) == ("active", "running")
    end_webhook(to)
    advance_all(NOW + MINUTE)
    assert (steps_of(sent)["hook"], status_of(sent)) == (ends, campaign)
    assert steps_of(sent).get("next", "active") in ("active", "waiting")


def test_what_a_webhook_tells(spy: Spy):
    sent = started(crowd(3), send(completed="hook"), hook())
    given = iter([A, A, N])
    spy.answer = lambda parcel: [next(given)]
    send_all(NOW)
    acknowledge(Delivery.objects.filter(status="sent")[0])
    run(NOW + SECOND)
    webhook = Webhook.objects.get()
    assert (webhook.event, webhook.reference, webhook.url) == ("campaign.webhook", str(sent.pk), HOOK["url"])
    payload = json.loads(webhook.payload)
    assert {outcome["deliveryId"]: outcome["status"] for outcome in payload.pop("outcomes")} == {
        str(pk): status for pk, status in Delivery.objects.values_list("pk", "status")
    }
    assert payload == {
        "name": "Tell them",
        "step": "hook",
        "campaign": {
            "id": str(sent.pk),
            "name": "Inspection",
            "status": "running",
            "startedAt": "2026-03-18T09:30:00.000Z",
        },
        "recipients": {"total": 3, "open": 2, "acknowledged": 1, "missed": 0},
        "deliveries": {
            "pending": 0,
            "sent": 1,
            "delivered": 0,
            "acknowledged": 1,
            "missed": 0,
            "no_device": 1,
            "failed": 0,
        },
        "page": 1,
        "pages": 1,
    }


def test_a_paused_campaign_finds_the_end_of_its_webhook_though_the_outbox_was_purged(spy: Spy):
    paused, ended = (started(crowd(1), send(completed="hook"), hook()) for _ in range(2))
    run(NOW)
    steering.pause(campaign_id=paused.pk, actor=COMMAND, now=NOW)
    for page in Webhook.objects.all():
        WEBHOOKS.move_one(page.pk, WebhookStatus.DELIVERED, actor="tests", at=NOW, ended_at=NOW)
    advance_all(NOW + MINUTE)
    later = NOW + timedelta(days=31)
    assert (status_of(ended), outbox.purge(older_than=timedelta(days=30), now=later)) == ("completed", 1)
    steering.resume(campaign_id=paused.pk, actor=COMMAND, now=later)
    advance_all(later)
    assert status_of(paused) == "completed"
    assert outbox.purge(older_than=timedelta(days=30), now=later) == 1


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_webhook_that_finds_no_end_does_not_block_the_campaign(spy: Spy, is_gone: bool):
    sent = started(crowd(1), send(completed="hook"), hook())
    run(NOW)
    assert advance_all(NOW + RETRY_FOR) == 1
    if is_gone:
        Webhook.objects.all().delete()
    else:
        assert status_of(sent) == "running"
    advance_all(NOW + RETRY_FOR + outcomes.GRACE + MINUTE)
    assert status_of(sent) == "failed"


# --- The campaign --------------------------------------------------------------------------------------------------


def test_a_whole_campaign(spy: Spy):
    sent = started(
        crowd(4),
        send(completed="first"),
        deadline("first", "1h", completed="remind"),
        remind(completed="second"),
        deadline("second", "1h", completed="miss"),
        miss(),
    )
    run(NOW)
    acknowledge(Delivery.objects.all()[0])
    run(NOW + HOUR + MINUTE)
    assert [len(batch) for batch in spy.batches] == [4, 3]
    run(NOW + 3 * HOUR)
    assert statuses(sent) == {"acknowledged": 1, "missed": 3}
    assert set(steps_of(sent).values()) == {"completed"}
    assert status_of(sent) == "completed"
    assert_counters_equal_rows()


def test_a_campaign_is_not_complete_while_somebody_is_retried(spy: Spy):
    sent = started(crowd(2), send(completed="deadline"), deadline())
    given = iter([A, R])
    spy.answer = lambda parcel: [next(given)]
    run(NOW)
    steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    advance_all(NOW + 2 * HOUR)
    assert (steps_of(sent)["deadline"], status_of(sent)) == ("completed", "running")
    spy.answer = lambda parcel: [A]
    run(NOW + 2 * HOUR)
    assert (statuses(sent), status_of(sent)) == ({"sent": 2}, "completed")


def test_a_paused_campaign_stands_still(spy: Spy):
    sent = started(crowd(1), send(completed="deadline"), deadline())
    run(NOW)
    steering.pause(campaign_id=sent.pk, actor=COMMAND, now=NOW + MINUTE)
    assert advance_due(now=NOW + 5 * HOUR) == 0
    steering.resume(campaign_id=sent.pk, actor=COMMAND, now=NOW + 5 * HOUR)
    assert advance_due(now=NOW + 5 * HOUR + 50 * MINUTE) == 0
    assert advance_all(NOW + 6 * HOUR) == 2
    assert status_of(sent) == "completed"


def test_a_cancelled_campaign_goes_no_further(spy: Spy):
    sent = started(crowd(1), send(completed="deadline"), deadline())
    run(NOW)
    steering.cancel_campaign(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    assert advance_due(now=NOW + 5 * HOUR) == 0
    assert steps_of(sent) == {"send": "completed", "deadline": "stopped"}


def test_a_step_that_breaks_does_not_stand_in_the_way_of_others(spy: Spy):
    broken, sound = (started(crowd(1), send(completed="deadline"), deadline()) for _ in range(2))
    send_all(NOW)
    Campaign.objects.filter(pk=broken.pk).update(workflow={"steps": []})
    assert advance_all(NOW + SECOND) == 2
    assert steps_of(sound) == {"send": "completed", "deadline": "active"}
    assert CampaignStep.objects.get(campaign=broken, key="send").due_at == NOW + SECOND + RETRY


def test_a_step_that_takes_long_is_looked_at_less_often(spy: Spy):
    sent = started(crowd(1))
    for after, wait in ((2, 1), (60, 6), (3600, 15)):
        now = NOW + after * SECOND
        assert advance_due(now=now) == 1
        assert CampaignStep.objects.get(campaign=sent).due_at == now + wait * SECOND
