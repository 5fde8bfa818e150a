from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from campaigns.channels import Handed
from campaigns.engine.verdicts import TRIES, judge
from campaigns.models import AttemptOutcome as Outcome
from campaigns.models import DeliveryStatus as Status
from tests.factories import NOW


def handed(outcome: Outcome, detail: str = "", retry_after_s: float | None = None) -> Handed:
    return Handed(
        delivery_id=UUID(int=1),
        carrier="spy",
        outcome=outcome,
        detail=detail,
        retry_after_s=retry_after_s,
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


def test_the_last_try_fails():
    assert judge([handed(Outcome.LATER)], n_attempts=TRIES - 2, now=NOW).status is None
    verdict = judge([handed(Outcome.LATER, "busy")], n_attempts=TRIES - 1, now=NOW)
    assert (verdict.status, verdict.reason) == (Status.FAILED, "Given up after 8 tries. busy")
