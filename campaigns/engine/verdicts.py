"""What becomes of a delivery after a try, by what its channel said. No I/O."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.channels import Handed
from campaigns.models import AttemptOutcome, Closing, DeliveryStatus

# After so many tries of one piece of work, and so long a time, it has failed: providers are away for hours, and a
# campaign goes on once nothing waits.
TRIES, TRY_FOR = 8, timedelta(hours=6)
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 1800.0
CLOSED = {
    Closing.ACKNOWLEDGED: (DeliveryStatus.ACKNOWLEDGED, "Has acknowledged meanwhile."),
    Closing.MISSED: (DeliveryStatus.MISSED, "Has missed it meanwhile."),
}
HOUR = timedelta(hours=1)
REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """``status`` None with a ``due_at`` is another try; ``n_attempts`` counts the tries of this piece of work.

    ``reason`` also says why one was put off without a try. ``since``: of what is to be tried again, when it was first
    put off.
    """

    status: DeliveryStatus | None
    n_attempts: int
    due_at: datetime | None = None
    reason: str = ""
    since: datetime | None = None


def judge(handed: Sequence[Handed], *, n_attempts: int, now: datetime, tried_since: datetime | None = None) -> Verdict:
    """Sent when one device accepted; else tried again if one may; else failed, unless all devices are gone.

    ``tried_since``: when it was first put off, by a try or without one.
    """
    since = tried_since or now
    n_attempts += any(one.was_tried for one in handed)
    by_outcome = {one.outcome: one for one in reversed(handed)}
    if AttemptOutcome.ACCEPTED in by_outcome:
        return Verdict(DeliveryStatus.SENT, n_attempts)
    if AttemptOutcome.LATER in by_outcome:
        asked = [one for one in handed if one.outcome == AttemptOutcome.LATER]
        return _later(asked, n_attempts, since, now)
    for outcome in (AttemptOutcome.REFUSED, AttemptOutcome.UNFIT):
        if outcome in by_outcome:
            return Verdict(DeliveryStatus.FAILED, n_attempts, reason=_reason(by_outcome[outcome]))
    none = by_outcome.get(AttemptOutcome.NONE) or by_outcome[AttemptOutcome.GONE]
    return Verdict(DeliveryStatus.NO_DEVICE, n_attempts, reason=_reason(none))


def closed(closing: str, *, n_attempts: int) -> Verdict:
    """Of what waits for a recipient who has been closed: nothing is sent, and it becomes what he is."""
    status, reason = CLOSED[Closing(closing)]
    return Verdict(status, n_attempts, reason=reason)


def _later(asked: Sequence[Handed], n_attempts: int, since: datetime, now: datetime) -> Verdict:
    tried = [one for one in asked if one.was_tried]
    why = (tried or asked)[0].detail
    if now - since >= TRY_FOR and (n_attempts >= TRIES or not tried):
        reason = f"Given up after {n_attempts} tries in {(now - since) // HOUR} hours. {why}"
        return Verdict(DeliveryStatus.FAILED, n_attempts, reason=reason.strip()[:REASON_LENGTH])
    waits_s = [one.retry_after_s for one in asked if one.retry_after_s is not None]
    if tried:
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(n_attempts - 1, 16))
        waits_s.append(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
    due_at = now + timedelta(seconds=max(waits_s, default=0.0))
    return Verdict(None, n_attempts, due_at=due_at, reason="" if tried else why, since=since)


def _reason(handed: Handed) -> str:
    return (handed.detail or AttemptOutcome(handed.outcome).label)[:REASON_LENGTH]
