"""Putting webhooks in, sending them again, and taking old ones out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction

from ops_console import doorbell
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit.services import record
from ops_console.errors import NotFound
from ops_console.formats import to_text
from ops_console.outbox.models import SilentHost, Webhook, WebhookSecret
from ops_console.outbox.retries import RETRY_FOR
from ops_console.outbox.states import PENDING, WEBHOOKS

DELIVER_TASK = "ops_console.outbox.tasks.deliver_webhooks"
BATCH = 1000
HOST_LENGTH = 261


@dataclass(frozen=True)
class NewWebhook:
    """One event for one receiver. ``url`` has passed ``check_url``; a Decimal in ``payload`` is money."""

    organization_id: UUID
    url: str
    event: str
    # What it is about: a msgId.
    reference: str
    payload: Mapping[str, Any]


def enqueue(*, webhooks: Sequence[NewWebhook], now: datetime) -> list[UUID]:
    """Write webhooks down in the caller's transaction, and return their ids; they go out once it commits.

    No network, one query a thousand. Whatever is wrong with a URL by now is found out when it is called.
    """
    if not webhooks:
        return []
    rows = Webhook.objects.bulk_create([_row(new, now) for new in webhooks], batch_size=BATCH)
    _ring()
    return [row.pk for row in rows]


def replay(*, webhook_id: UUID, actor: Actor, now: datetime) -> None:
    """Send an ended webhook again, now and under the same id, with a day of retries before it.

    Raises:
        Forbidden: the actor may not.
        NotFound: there is no such webhook.
        InvalidTransition: it is on its way already.
    """
    policy.require(actor, "webhooks", "replay")
    if not Webhook.objects.visible_to(actor).filter(pk=webhook_id).exists():
        raise NotFound("There is no such webhook.")
    with transaction.atomic():
        old = WEBHOOKS.move_one(
            webhook_id,
            PENDING,
            actor=actor.label,
            reason="replayed",
            at=now,
            due_at=now,
            give_up_at=now + RETRY_FOR,
            n_failures=0,
            ended_at=None,
        )
        webhook = Webhook.objects.get(pk=webhook_id)
        # Whoever replays by hand has reason to think that the host answers again.
        SilentHost.objects.filter(host=webhook.host).update(rests_until=now)
        record(
            actor=actor,
            action="webhook.replay",
            target_type="webhook",
            target_id=str(webhook_id),
            organization_id=webhook.organization_id,
            before={"status": old},
            after={"status": PENDING.value},
            at=now,
        )
        _ring()


def purge(*, older_than: timedelta, now: datetime) -> int:
    """Delete webhooks that ended so long ago, with their attempts, and expired secrets; return how many webhooks.

    A thousand in a transaction, so that it may be stopped at any time.
    """
    WebhookSecret.objects.expired(now).delete()
    n_deleted = 0
    while ids := list(Webhook.objects.ended_before(now - older_than).values_list("id", flat=True)[:BATCH]):
        Webhook.objects.filter(id__in=ids).delete()
        n_deleted += len(ids)
    return n_deleted


def _row(new: NewWebhook, now: datetime) -> Webhook:
    return Webhook(
        organization_id=new.organization_id,
        url=new.url,
        host=_host_of(new.url),
        event=new.event,
        reference=new.reference,
        payload=to_text(new.payload),
        created_at=now,
        due_at=now,
        give_up_at=now + RETRY_FOR,
    )


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()[:HOST_LENGTH]
    except ValueError:
        return ""


def _ring() -> None:
    transaction.on_commit(lambda: doorbell.ring(DELIVER_TASK), robust=True)
