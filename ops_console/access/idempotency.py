"""Carry a request out once: its answer is kept under the caller's Idempotency-Key and given again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import connection, transaction

from ops_console.access.models import IdempotencyRecord
from ops_console.errors import Conflict, IdempotencyKeyReused

KEPT_FOR = timedelta(hours=24)
PURGE_BATCH = 10_000
MAX_KEY_LENGTH = 255


@dataclass(frozen=True)
class Answer:
    """What a face sends back. ``kept_body`` is stored in place of a body that carries a secret."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    kept_body: bytes | None = None


def is_key(text: str) -> bool:
    """Whether a caller's Idempotency-Key is one: 1 to 255 printable ASCII characters."""
    return 0 < len(text) <= MAX_KEY_LENGTH and text.isascii() and text.isprintable()


def scope_of(*, organization_id: UUID | None, caller: str, endpoint: str, key: str) -> bytes:
    """What a key is unique in. ``caller`` is a credential's, API key's or person's id."""
    digest = sha256()
    for part in (str(organization_id or ""), caller, endpoint, key):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.digest()


def answer_once(
    *,
    scope: bytes,
    request_digest: bytes,
    now: datetime,
    work: Callable[[], Answer],
    prepare: Callable[[], None] | None = None,
) -> tuple[Answer, bool]:
    """The answer of ``work``, or the one kept from an earlier call, and whether it was kept.

    ``work`` runs in the transaction that stores its answer; when it raises, nothing is stored. ``prepare`` runs before
    that transaction, unless an answer is kept: what calls over the network belongs there.

    Raises:
        Conflict: a request with the same key is being carried out right now.
        IdempotencyKeyReused: the key was used for another request.
    """
    if prepare is not None:
        kept = _find(scope)
        if kept and _is_good(kept, now):
            return _replay(kept, request_digest), True
        prepare()
    with transaction.atomic():
        _lock(scope)
        kept = _find(scope)
        if kept and _is_good(kept, now):
            return _replay(kept, request_digest), True
        if kept:
            kept.delete()
        answer = work()
        IdempotencyRecord.objects.create(
            scope=scope,
            request_digest=request_digest,
            status=answer.status,
            body=answer.body if answer.kept_body is None else answer.kept_body,
            headers=dict(answer.headers),
            created_at=now,
        )
        return answer, False


def purge(*, now: datetime) -> int:
    """Delete one batch of answers that are past their time; how many went."""
    old = IdempotencyRecord.objects.filter(created_at__lte=now - KEPT_FOR).order_by("created_at").values("pk")
    return IdempotencyRecord.objects.filter(pk__in=old[:PURGE_BATCH]).delete()[0]


def _lock(scope: bytes) -> None:
    number = int.from_bytes(scope[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    if not row or not row[0]:
        raise Conflict("A request with this Idempotency-Key is being carried out: repeat it in a moment.")


def _find(scope: bytes) -> IdempotencyRecord | None:
    return IdempotencyRecord.objects.filter(scope=scope).first()


def _is_good(kept: IdempotencyRecord, now: datetime) -> bool:
    return kept.created_at > now - KEPT_FOR


def _replay(kept: IdempotencyRecord, request_digest: bytes) -> Answer:
    if bytes(kept.request_digest) != request_digest:
        raise IdempotencyKeyReused()
    return Answer(kept.status, bytes(kept.body), kept.headers)
