"""Putting webhooks in, sending them again, and taking old ones out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from uuid6 import uuid7

from ops_console import doorbell, secrets_at_rest
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit.services import record
from ops_console.errors import NotFound
from ops_console.formats import to_text
from ops_console.outbox import own_headers
from ops_console.outbox.models import SilentHost, Webhook, WebhookSecret
from ops_console.outbox.retries import RETRY_FOR
from ops_console.outbox.states import FAILED, PENDING, WEBHOOKS

DELIVER_TASK = "ops_console.outbox.tasks.deliver_webhooks"
BATCH = 1000
# Of the payloads one statement writes, the last not counted: psycopg remembers the last 100 statements of a connection,
# values and all.
BATCH_CHARACTERS = 100_000
HOST_LENGTH = 261


@dataclass(frozen=True)
class NewWebhook:
    """One event for one receiver. ``url`` has passed ``check_url``; a Decimal in ``payload`` is money."""

    organization_id: UUID
    url: str
    event: str
    # What it is about: a msgId, or a campaign's id.
    reference: str
    payload: Mapping[str, Any]
    # Of the receiver's own; ``own_headers.header_fault`` found nothing wrong with them.
    headers: Mapping[str, str] = field(default_factory=dict)


def enqueue(*, webhooks: Iterable[NewWebhook], now: datetime) -> list[UUID]:
    """Write webhooks down in the caller's transaction, and return their ids; they go out once it commits.

    No network, one query a thousand or 100 kB. Whatever is wrong with a URL or header by now is found out when it is
    called.
    """
    return _write(_row(new, now) for new in webhooks)


def enqueue_series(*, webhooks: Iterable[NewWebhook], now: datetime) -> UUID:
    """Write down at least one, that tell one thing in parts; return the first one's id, which names the series.

    As ``enqueue``. Takes them as they are written, so that a long series needs no more memory than a short one.
    """
    series = uuid7()
    ids = chain([series], iter(uuid7, None))
    _write(_row(new, now, id=pk, series=series) for new, pk in zip(webhooks, ids, strict=False))
    return series


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


def end_series(*, series: UUID, reason: str, actor: str, now: datetime) -> int:
    """Give up what is pending of a series, in the caller's transaction, and return how many that were.

    One that a worker has in hand is tried no further than that.
    """
    pending = Webhook.objects.pending().filter(series=series)
    rows = pending.select_for_update(no_key=True).order_by("id").values_list("id", "lease_until")
    waiting = [pk for pk, lease_until in rows if lease_until is None or lease_until <= now]
    ended: dict[str, Any] = {"ended_at": now, "leased_by": "", "lease_until": None}
    WEBHOOKS.move(waiting, FAILED, actor=actor, reason=reason[:200], at=now, **ended)
    pending.update(give_up_at=now)
    return len(waiting)


def purge(*, older_than: timedelta, now: datetime) -> int:
    """Delete webhooks that ended so long ago, with their attempts, and expired secrets; return how many webhooks.

    A series stays while somebody has yet to see how it ended (``settings.WEBHOOK_SERIES_IN_USE``).

    A thousand in a transaction, so that it may be stopped at any time.
    """
    WebhookSecret.objects.expired(now).delete()
    n_deleted = 0
    ended = Webhook.objects.ended_before(now - older_than).exclude(series__in=_series_in_use())
    while ids := list(ended.values_list("id", flat=True)[:BATCH]):
        Webhook.objects.filter(id__in=ids).delete()
        n_deleted += len(ids)
    return n_deleted


def _series_in_use() -> list[UUID]:
    in_use: list[UUID] = import_string(settings.WEBHOOK_SERIES_IN_USE)()
    return in_use


def reencrypt_headers() -> int:
    """Encrypt webhooks' headers under the current SECRET_KEY, a thousand in a transaction; return how many.

    Raises:
        Undecipherable: some were encrypted under a key we do not hold; those before them were done.
    """
    n_done, last = 0, UUID(int=0)
    while True:
        with transaction.atomic():
            rows = list(Webhook.objects.with_headers(after=last).only("id", "headers").select_for_update()[:BATCH])
            for row in rows:
                row.headers = secrets_at_rest.reencrypt(row.headers or b"")
            Webhook.objects.bulk_update(rows, ["headers"])
        if not rows:
            return n_done
        n_done, last = n_done + len(rows), rows[-1].pk


def _write(rows: Iterable[Webhook]) -> list[UUID]:
    ids = [row.pk for batch in _batches(rows) for row in Webhook.objects.bulk_create(batch)]
    if ids:
        _ring()
    return ids


def _batches(rows: Iterable[Webhook]) -> Iterator[list[Webhook]]:
    batch: list[Webhook] = []
    n_characters = 0
    for row in rows:
        batch.append(row)
        n_characters += len(row.payload)
        if len(batch) == BATCH or n_characters > BATCH_CHARACTERS:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _row(new: NewWebhook, now: datetime, **more: UUID) -> Webhook:
    return Webhook(
        organization_id=new.organization_id,
        url=new.url,
        host=_host_of(new.url),
        event=new.event,
        reference=new.reference,
        payload=to_text(new.payload),
        headers=own_headers.seal(new.headers),
        created_at=now,
        due_at=now,
        give_up_at=now + RETRY_FOR,
        **more,
    )


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()[:HOST_LENGTH]
    except ValueError:
        return ""


def _ring() -> None:
    transaction.on_commit(lambda: doorbell.ring(DELIVER_TASK), robust=True)
