"""What becomes of a delivery after a try, by what its channel said. No I/O."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.channels import Handed
from campaigns.models import AttemptOutcome, DeliveryStatus

# After so many tries of one piece of work it has failed.
TRIES = 8
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 1800.0
REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """``status`` None with a ``due_at`` is another try; ``n_attempts`` counts the tries of this piece of work."""

    status: DeliveryStatus | None
    n_attempts: int
    due_at: datetime | None = None
    reason: str = ""


def judge(handed: Sequence[Handed], *, n_attempts: int, now: datetime) -> Verdict:
    """Sent when one device accepted; else tried again if one may; else failed, unless all devices are gone."""
    n_attempts += 1
    by_outcome = {one.outcome: one for one in reversed(handed)}
    if AttemptOutcome.ACCEPTED in by_outcome:
        return Verdict(DeliveryStatus.SENT, n_attempts)
    if AttemptOutcome.LATER in by_outcome:
        return _later([one for one in handed if one.outcome == AttemptOutcome.LATER], n_attempts, now)
    for outcome in (AttemptOutcome.REFUSED, AttemptOutcome.UNFIT):
        if outcome in by_outcome:
            return Verdict(DeliveryStatus.FAILED, n_attempts, reason=_reason(by_outcome[outcome]))
    none = by_outcome.get(AttemptOutcome.NONE) or by_outcome[AttemptOutcome.GONE]
    return Verdict(DeliveryStatus.NO_DEVICE, n_attempts, reason=_reason(none))


def _later(asked: Sequence[Handed], n_attempts: int, now: datetime) -> Verdict:
    if n_attempts >= TRIES:
        reason = f"Given up after {n_attempts} tries. {asked[0].detail}"
        return Verdict(DeliveryStatus.FAILED, n_attempts, reason=reason.strip()[:REASON_LENGTH])
    wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (n_attempts - 1))
    wait_s *= random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    wanted_s = [one.retry_after_s for one in asked if one.retry_after_s is not None]
    return Verdict(None, n_attempts, due_at=now + timedelta(seconds=max([wait_s, *wanted_s])))


def _reason(handed: Handed) -> str:
    return (handed.detail or AttemptOutcome(handed.outcome).label)[:REASON_LENGTH]
