"""What a reply means for its webhook, and when the next try is due. No I/O."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from enum import StrEnum

from ops_console.outbox.client import Reply

# Tries go on for this long after a webhook was queued or replayed.
RETRY_FOR = timedelta(hours=24)
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 2 * 3600.0
FIRST_REST_S = 5.0
LONGEST_REST_S = 300.0
GONE = 410


class Verdict(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    # Trying again would change nothing: the receiver is gone, or the address guard refuses it.
    HOPELESS = "hopeless"


def verdict(reply: Reply) -> Verdict:
    """2xx is delivered. A redirect is not followed: like any other answer it is tried again, and may be put right."""
    if reply.is_refused or reply.status_code == GONE:
        return Verdict.HOPELESS
    if reply.status_code is not None and 200 <= reply.status_code < 300:
        return Verdict.DELIVERED
    return Verdict.RETRY


def is_silence(reply: Reply) -> bool:
    """Whether nobody answered, which says something about the host and not only about this webhook."""
    return reply.status_code is None and not reply.is_refused and not reply.is_ours


def next_try(*, n_failures: int, reply: Reply, now: datetime) -> datetime:
    """Twice the wait of the last time, between half and all of it by chance, and no sooner than the receiver asked."""
    wait_s = doubled(FIRST_WAIT_S, LONGEST_WAIT_S, n_failures) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return now + timedelta(seconds=max(wait_s, reply.retry_after_s or 0))


def doubled(first: float, longest: float, n: int) -> float:
    """``first`` for n = 1, then twice as much each time."""
    return min(longest, first * 2.0 ** min(n - 1, 32))
