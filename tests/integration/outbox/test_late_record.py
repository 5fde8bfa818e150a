"""A worker that records after its lease was taken over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ops_console.outbox import claims, recording
from ops_console.outbox.client import Reply
from ops_console.outbox.models import Webhook
from ops_console.outbox.recording import Attempt
from tests.integration.outbox.conftest import Clock

URL = "https://hooks.example.com/hook"


@pytest.fixture
def taken_over(send: Callable[[str], Webhook], clock: Clock) -> Webhook:
    webhook = send(URL)
    claims.claim(worker="slow", free=1, now=clock())
    clock.now += claims.LEASE
    claims.claim(worker="quick", free=1, now=clock())
    return webhook


def record(webhook: Webhook, worker: str, status_code: int, clock: Clock) -> Webhook:
    attempt = Attempt(webhook.id, clock(), Reply(duration_ms=5, status_code=status_code))
    recording.record([attempt], worker=worker, now=clock())
    webhook.refresh_from_db()
    return webhook


@pytest.mark.parametrize("status_code", [500, 410])
def test_its_failure_does_not_disturb_the_new_lease(taken_over: Webhook, clock: Clock, status_code: int) -> None:
    webhook = record(taken_over, "slow", status_code, clock)
    assert (webhook.status, webhook.leased_by, webhook.due_at) == ("pending", "quick", clock() + claims.LEASE)
    assert webhook.n_attempts == webhook.attempts.count() == 1


def test_its_success_counts(taken_over: Webhook, clock: Clock) -> None:
    assert record(taken_over, "slow", 200, clock).status == "delivered"
    webhook = record(taken_over, "quick", 500, clock)
    assert (webhook.status, webhook.n_attempts) == ("delivered", 2)
