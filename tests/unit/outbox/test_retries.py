from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ops_console.outbox.client import Reply
from ops_console.outbox.retries import LONGEST_WAIT_S, Verdict, is_silence, next_try, verdict

NOW = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reply", "wanted", "silent"),
    [
        (Reply(1, 200), Verdict.DELIVERED, False),
        (Reply(1, 204), Verdict.DELIVERED, False),
        (Reply(1, 301), Verdict.RETRY, False),
        (Reply(1, 404), Verdict.RETRY, False),
        (Reply(1, 410), Verdict.HOPELESS, False),
        (Reply(1, 429), Verdict.RETRY, False),
        (Reply(1, 500), Verdict.RETRY, False),
        (Reply(1, error="The receiver did not answer in time."), Verdict.RETRY, True),
        (Reply(1, error="closed", is_refused=True), Verdict.HOPELESS, False),
        (Reply(0, error="no secret", is_ours=True), Verdict.RETRY, False),
    ],
)
def test_what_a_reply_means(reply: Reply, wanted: Verdict, silent: bool) -> None:
    assert verdict(reply) is wanted
    assert is_silence(reply) is silent


@pytest.mark.parametrize(
    ("n_failures", "longest"), [(1, 5), (2, 10), (5, 80), (40, LONGEST_WAIT_S), (4000, LONGEST_WAIT_S)]
)
def test_the_wait_doubles_up_to_a_bound(n_failures: int, longest: float) -> None:
    waits = {(next_try(n_failures=n_failures, reply=Reply(1, 500), now=NOW) - NOW).total_seconds() for _ in range(200)}
    assert longest / 2 <= min(waits) < max(waits) <= longest
    assert len(waits) > 100


def test_the_receiver_s_wish_counts_when_it_is_longer() -> None:
    reply = Reply(1, 429, retry_after_s=600)
    assert (next_try(n_failures=1, reply=reply, now=NOW) - NOW).total_seconds() == 600
