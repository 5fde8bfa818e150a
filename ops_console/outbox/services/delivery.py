"""Delivering what is due: claim, commit, call, record.

One thread holds the database; the calls run in threads of their own, which never touch it. So nothing waits for a slow
receiver but its own webhooks, and no transaction is open during a call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from datetime import datetime
from time import monotonic
from uuid import UUID

from ops_console import secrets_at_rest
from ops_console.outbox import own_headers, signing
from ops_console.outbox.claims import Claimed, claim, only_run
from ops_console.outbox.client import Caller, Reply
from ops_console.outbox.models import WebhookSecret
from ops_console.outbox.recording import Attempt, give_up_overdue, record

logger = logging.getLogger(__name__)

# Calls a run has under way at once.
CONCURRENCY = 64
# Seconds after which a run that has calls under way looks for more that is due.
LOOK_AGAIN_S = 0.25


def deliver_due(
    *,
    clock: Callable[[], datetime],
    worker: str,
    limit: int = 10_000,
    claim_for_s: float = 10.0,
    alone: bool = False,
    caller: Caller | None = None,
) -> int:
    """Call until nothing is due, ``limit`` webhooks were claimed or ``claim_for_s`` is over; return how many calls.

    Then waits for its last calls: at most a call's length more. ``worker`` must differ in each run. With ``alone``, it
    returns at once while another run is claiming. Runs outside transactions.
    """
    run = Run(clock, worker, caller or Caller())
    with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="webhook") as pool:
        with only_run() if alone else nullcontext(True) as may_claim:
            if may_claim:
                run.call_what_is_due(pool, limit, claim_for_s)
        run.finish()
    return run.n_calls


class Run:
    """The calls one run has under way."""

    def __init__(self, clock: Callable[[], datetime], worker: str, caller: Caller) -> None:
        self.n_calls = 0
        self._clock = clock
        self._worker = worker
        self._caller = caller
        self._under_way: dict[Future[Reply], tuple[UUID, datetime]] = {}

    def call_what_is_due(self, pool: ThreadPoolExecutor, limit: int, for_s: float) -> None:
        give_up_overdue(now=self._clock())
        ends = monotonic() + for_s
        while monotonic() < ends:
            free = min(CONCURRENCY - len(self._under_way), limit - self.n_calls)
            if free > 0:
                self._start(pool, claim(worker=self._worker, free=free, now=self._clock()))
            if not self._under_way:
                return
            self._record_done(LOOK_AGAIN_S)

    def finish(self) -> None:
        while self._under_way:
            self._record_done(None)

    def _start(self, pool: ThreadPoolExecutor, claimed: list[Claimed]) -> None:
        now = self._clock()
        secrets = live_secrets({webhook.organization_id for webhook in claimed}, now)
        for webhook in claimed:
            call = pool.submit(call_one, self._caller, webhook, secrets.get(webhook.organization_id, []), now)
            self._under_way[call] = (webhook.id, now)
        self.n_calls += len(claimed)

    def _record_done(self, timeout_s: float | None) -> None:
        done, _ = wait(self._under_way, timeout_s, FIRST_COMPLETED)
        calls = {call: self._under_way.pop(call) for call in done}
        attempts = [Attempt(webhook_id, at, call.result()) for call, (webhook_id, at) in calls.items()]
        record(attempts, worker=self._worker, now=self._clock())


def call_one(caller: Caller, webhook: Claimed, secrets: list[str], at: datetime) -> Reply:
    """Sign it and call. Runs in a thread without a database."""
    if not secrets:
        return Reply(duration_ms=0, error="The organization has no webhook secret that we can read.", is_ours=True)
    try:
        own = own_headers.unseal(webhook.headers)
    except secrets_at_rest.Undecipherable:
        return Reply(duration_ms=0, error="Its headers are encrypted under a key that we do not have.", is_ours=True)
    fault = own_headers.first_fault(own)
    if fault is not None:
        return Reply(duration_ms=0, error=fault, is_refused=True)
    content = signing.body(event=webhook.event, at=webhook.created_at, payload=webhook.payload)
    signed = signing.headers(webhook_id=str(webhook.id), at=at, content=content, secrets=secrets)
    return caller.post(webhook.url, own_headers.beside(signed, own), content)


def live_secrets(organization_ids: Iterable[UUID], now: datetime) -> dict[UUID, list[str]]:
    """The secrets that sign for each organization, the current one first. One query."""
    found: dict[UUID, list[str]] = {}
    for secret in WebhookSecret.objects.live(now).filter(organization_id__in=list(organization_ids)):
        try:
            text = secrets_at_rest.decrypt(secret.ciphertext)
        except secrets_at_rest.Undecipherable:
            logger.error("webhook.secret_unreadable", extra={"organization": str(secret.organization_id)})
            continue
        found.setdefault(secret.organization_id, []).append(text)
    return found
