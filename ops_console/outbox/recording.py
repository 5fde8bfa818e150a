"""Writing down what came of calls: the attempt log, the webhook's next step, and which hosts are silent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from ops_console.outbox import retries
from ops_console.outbox.claims import rest_host
from ops_console.outbox.client import Reply
from ops_console.outbox.models import SilentHost, Webhook, WebhookAttempt
from ops_console.outbox.retries import Verdict
from ops_console.outbox.states import DELIVERED, FAILED, PENDING, WEBHOOKS

logger = logging.getLogger(__name__)

ACTOR = "system"
GIVE_UP_BATCH = 1000


@dataclass(frozen=True)
class Attempt:
    """One call that was made, and when it began."""

    webhook_id: UUID
    at: datetime
    reply: Reply


def record(attempts: Sequence[Attempt], *, worker: str, now: datetime) -> None:
    """Log each attempt and move its webhook on, in one transaction.

    A lease that another worker took over meanwhile is that worker's to decide, except that delivered is delivered.
    """
    if not attempts:
        return
    with transaction.atomic():
        rows = _lock([attempt.webhook_id for attempt in attempts])
        pairs = [(rows[a.webhook_id], a.reply) for a in attempts if a.webhook_id in rows]
        _log(rows, attempts)
        _end_delivered(pairs, now)
        _end_or_retry([pair for pair in pairs if pair[0].leased_by == worker], now)
        _note_hosts(pairs, now)


def give_up_overdue(*, now: datetime) -> int:
    """End webhooks whose day is over while their host is silent; return how many, at most a thousand."""
    with transaction.atomic():
        overdue = Webhook.objects.overdue(now, SilentHost.objects.resting(now)).select_for_update(skip_locked=True)
        ids = list(overdue.values_list("id", flat=True)[:GIVE_UP_BATCH])
        moved = WEBHOOKS.move(ids, FAILED, actor=ACTOR, reason="The receiver is silent.", at=now, **_ended(now))
    return len(moved)


def _lock(ids: Sequence[UUID]) -> dict[UUID, Webhook]:
    rows = Webhook.objects.select_for_update().for_list().select_related(None).filter(id__in=ids).order_by("id")
    return {row.id: row for row in rows}


def _log(rows: dict[UUID, Webhook], attempts: Sequence[Attempt]) -> None:
    lines = [_line(rows[attempt.webhook_id], attempt) for attempt in attempts if attempt.webhook_id in rows]
    WebhookAttempt.objects.bulk_create(lines)
    Webhook.objects.filter(id__in=rows).update(n_attempts=F("n_attempts") + 1)


def _line(row: Webhook, attempt: Attempt) -> WebhookAttempt:
    reply = attempt.reply
    logger.info(
        "webhook.attempt",
        extra={
            "webhook": str(row.id),
            "organization": str(row.organization_id),
            "receiver": row.host,
            "status_code": reply.status_code,
            "duration_ms": reply.duration_ms,
            "error": reply.error,
        },
    )
    return WebhookAttempt(
        webhook=row,
        number=row.n_attempts + 1,
        at=attempt.at,
        duration_ms=reply.duration_ms,
        status_code=reply.status_code,
        error=reply.error,
    )


def _end_delivered(pairs: Sequence[tuple[Webhook, Reply]], now: datetime) -> None:
    ids = [row.id for row, reply in pairs if retries.verdict(reply) is Verdict.DELIVERED]
    WEBHOOKS.move(ids, DELIVERED, actor=ACTOR, at=now, **_ended(now))


def _end_or_retry(pairs: Sequence[tuple[Webhook, Reply]], now: datetime) -> None:
    later = []
    for row, reply in pairs:
        verdict = retries.verdict(reply)
        if verdict is Verdict.DELIVERED or row.status != PENDING:
            continue
        due_at = retries.next_try(n_failures=row.n_failures + 1, reply=reply, now=now)
        if verdict is Verdict.HOPELESS or due_at > row.give_up_at:
            reason = reply.error or f"The receiver answered {reply.status_code}."
            WEBHOOKS.move([row.id], FAILED, actor=ACTOR, reason=reason[:200], at=now, **_ended(now))
            continue
        row.due_at, row.n_failures, row.leased_by, row.lease_until = due_at, row.n_failures + 1, "", None
        later.append(row)
    Webhook.objects.bulk_update(later, ["due_at", "n_failures", "leased_by", "lease_until"])


def _ended(now: datetime) -> dict[str, Any]:
    return {"ended_at": now, "leased_by": "", "lease_until": None}


def _note_hosts(pairs: Sequence[tuple[Webhook, Reply]], now: datetime) -> None:
    silent = {row.host for row, reply in pairs if retries.is_silence(reply)}
    answered = {row.host for row, reply in pairs if reply.status_code is not None}
    SilentHost.objects.filter(host__in=answered).delete()
    # In one order, so that two workers never wait for each other in a circle.
    for host in sorted(silent - answered):
        rest_host(host=host, now=now)
