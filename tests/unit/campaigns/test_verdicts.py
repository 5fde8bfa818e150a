from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from campaigns.channels import Handed
from campaigns.engine.verdicts import TRIES, TRY_FOR, judge
from campaigns.models import AttemptOutcome as Outcome
from campaigns.models import DeliveryStatus as Status
from tests.factories import NOW

SECOND = timedelta(seconds=1)


def handed(outcome: Outcome, detail: str = "", retry_after_s: float | None = None, *, was_tried: bool = True) -> Handed:
    return Handed(
        delivery_id=UUID(int=1),
        carrier="spy",
        outcome=outcome,
        detail=detail,
        retry_after_s=retry_after_s,
        was_tried=was_tried,
        started_at=NOW,
        ended_at=NOW,
    )


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([Outcome.ACCEPTED], Status.SENT),
        ([Outcome.GONE, Outcome.REFUSED, Outcome.LATER, Outcome.ACCEPTED], Status.SENT),
        ([Outcome.NONE], Status.NO_DEVICE),
        ([Outcome.GONE, Outcome.GONE], Status.NO_DEVICE),
        ([Outcome.REFUSED], Status.FAILED),
        ([Outcome.GONE, Outcome.REFUSED], Status.FAILED),
        ([Outcome.UNFIT], Status.FAILED),
        ([Outcome.REFUSED, Outcome.LATER], None),
        ([Outcome.GONE, Outcome.LATER], None),
    ],
)
def test_one_device_is_enough(outcomes: list[Outcome], status: Status | None):
    verdict = judge([handed(outcome) for outcome in outcomes], n_attempts=0, now=NOW)
    assert (verdict.status, verdict.n_attempts) == (status, 1)
    assert (verdict.due_at is not None) == (status is None)


def test_the_reason_is_what_the_provider_said():
    verdict = judge([handed(Outcome.GONE, "gone"), handed(Outcome.REFUSED, "x" * 300)], n_attempts=0, now=NOW)
    assert verdict.reason == "x" * 200
    assert judge([handed(Outcome.NONE)], n_attempts=0, now=NOW).reason == "There is no device"


@pytest.mark.parametrize(("n_attempts", "longest_s"), [(0, 10), (1, 20), (4, 160), (6, 640)])
def test_waits_double(n_attempts: int, longest_s: float):
    waits = {judge([handed(Outcome.LATER)], n_attempts=n_attempts, now=NOW).due_at for _ in range(50)}
    assert all(wait and NOW + timedelta(seconds=longest_s / 2) <= wait for wait in waits)
    assert all(wait and wait <= NOW + timedelta(seconds=longest_s) for wait in waits)
    assert len(waits) > 1


def test_no_sooner_than_the_provider_asks():
    asked = [handed(Outcome.LATER), handed(Outcome.LATER, retry_after_s=900.0)]
    assert judge(asked, n_attempts=0, now=NOW).due_at == NOW + timedelta(seconds=900)


@pytest.mark.parametrize(
    ("n_before", "since", "is_last"),
    [
        (TRIES - 2, 2 * TRY_FOR, False),
        (TRIES - 1, TRY_FOR - SECOND, False),
        (TRIES - 1, TRY_FOR, True),
        (1000, TRY_FOR / 2, False),
    ],
)
def test_it_is_given_up_by_time(n_before: int, since: timedelta, *, is_last: bool):
    asked = [handed(Outcome.LATER, "busy")]
    verdict = judge(asked, n_attempts=n_before, tried_since=NOW - since, now=NOW)
    assert verdict.status == (Status.FAILED if is_last else None)
    if is_last:
        assert verdict.reason == "Given up after 8 tries in 6 hours. busy"
    else:
        assert verdict.due_at
        assert verdict.due_at <= NOW + timedelta(minutes=30)


def test_what_was_not_tried_is_no_try_and_is_given_up_by_time_too():
    untried = handed(Outcome.LATER, "no time", was_tried=False)
    begun = NOW - TRY_FOR + SECOND
    at_once = judge([untried], n_attempts=50, tried_since=begun, now=NOW)
    assert (at_once.status, at_once.n_attempts, at_once.due_at, at_once.since) == (None, 50, NOW, begun)
    last = judge([untried], n_attempts=3, tried_since=NOW - TRY_FOR, now=NOW)
    assert (last.status, last.reason) == (Status.FAILED, "Given up after 3 tries in 6 hours. no time")
    assert judge([untried], n_attempts=0, now=NOW).since == NOW
    resting = judge([handed(Outcome.LATER, "wait", 40.0, was_tried=False), untried], n_attempts=0, now=NOW)
    assert (resting.n_attempts, resting.due_at, resting.reason) == (0, NOW + 40 * SECOND, "wait")
    # Of another device it was one.
    assert judge([untried, handed(Outcome.LATER)], n_attempts=1, now=NOW).n_attempts == 2
    assert judge([untried, handed(Outcome.ACCEPTED)], n_attempts=0, now=NOW).status == Status.SENT
