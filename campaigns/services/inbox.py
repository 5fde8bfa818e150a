"""A member's inbox: read in the order of its places, from any place on; reading marks what it shows as delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from campaigns.models import Delivery, DeliveryStatus
from campaigns.transitions import Place, move_deliveries
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import Forbidden, InvalidInput, NotFound

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
# Of a page in the wire's binary form; many clients refuse answers of more than four.
PAGE_BYTES = 3 * 2**20
# More than an entry takes beside its texts: ids, times, marks and lengths.
ENTRY_BYTES = 256
BEGINNING = datetime.min.replace(tzinfo=UTC)
# Those that are tried again, and those of which that failed, have kept their places.
UNSEEN = (DeliveryStatus.SENT, DeliveryStatus.NO_DEVICE, DeliveryStatus.PENDING, DeliveryStatus.FAILED)


@dataclass(frozen=True)
class Entry:
    """A delivery in its recipient's inbox with the message it brought."""

    delivery_id: UUID
    campaign_id: UUID
    step_id: int
    status: str
    read_at: datetime | None
    received_at: datetime
    created_at: datetime
    sender_name: str
    is_critical: bool
    # SHA-256 of the content.
    digest: bytes
    title: str
    summary: str
    preview: str
    body: str
    actions: Sequence[Mapping[str, str]]


COLUMNS = """
d.id, d.campaign_id, d.step_id, d.status, d.read_at, d.received_at, d.created_at, k.sender_name, k.critical,
c.digest, c.title, c.summary, c.preview, c.body, c.actions
"""
N_COLUMNS, FIRST_OF_CONTENT = COLUMNS.count(",") + 1, 9
# The bytes are added up by the lengths alone: the bodies of what does not fit are never read.
PAGE = """
WITH following AS (
    SELECT * FROM campaigns_delivery WHERE member_id = %(member)s AND received_at > %(since)s
    ORDER BY received_at LIMIT %(limit)s
), sized AS (
    SELECT {columns}, %(entry)s + octet_length(k.sender_name) + octet_length(c.title) + octet_length(c.summary)
        + octet_length(c.preview) + octet_length(c.body) + octet_length(c.actions::text) AS size
    FROM following d
    JOIN campaigns_campaign k ON k.id = d.campaign_id
    JOIN campaigns_content c ON c.id = d.content_id
), added AS (
    SELECT *, sum(size) OVER (ORDER BY received_at) AS total FROM sized
)
SELECT * FROM added WHERE total <= %(bytes)s OR total = size ORDER BY received_at
"""
ONE = """
SELECT {columns} FROM campaigns_delivery d
JOIN campaigns_campaign k ON k.id = d.campaign_id
JOIN campaigns_content c ON c.id = d.content_id
WHERE d.id = %(delivery)s AND d.member_id = %(member)s AND d.received_at IS NOT NULL
"""


def sync(
    *, actor: Actor, since: datetime | None, limit: int = DEFAULT_LIMIT, now: datetime
) -> tuple[list[Entry], datetime | None]:
    """Return what arrived after ``since``, oldest first, and the ``since`` that goes on from there.

    At most ``limit`` entries and ``PAGE_BYTES``, but one at least if there is any. One query; two more when some are
    shown for the first time, and a third when some were to be tried again.

    Raises:
        Forbidden: the actor is no person with the right to read his inbox.
        InvalidInput: at ``limit``.
    """
    member_id = recipient(actor, "read")
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput.field("limit", message=f"This is from 1 to {MAX_LIMIT}.")
    asked = {"since": since or BEGINNING, "limit": limit, "entry": ENTRY_BYTES, "bytes": PAGE_BYTES}
    entries = _read(PAGE, {"member": member_id, **asked})
    next_since = entries[-1].received_at if entries else since
    return _mark_delivered(entries, actor, now), next_since


def get_message(*, delivery_id: UUID, actor: Actor, now: datetime) -> Entry:
    """Return one entry of the actor's inbox. One query; two more when it is shown for the first time.

    Raises:
        Forbidden: the actor is no person with the right to read his inbox.
        NotFound: his inbox has none of that id.
    """
    found = _read(ONE, {"delivery": delivery_id, "member": recipient(actor, "read")})
    if not found:
        raise missing()
    return _mark_delivered(found, actor, now)[0]


def mark_read(*, delivery_id: UUID, actor: Actor, now: datetime) -> None:
    """Note when the recipient first read it; its status stays.

    Raises:
        Forbidden: the actor is no person with the right to read his inbox.
        NotFound: his inbox has none of that id.
    """
    mine = Delivery.objects.in_inbox_of(recipient(actor, "read")).filter(pk=delivery_id)
    if not mine.filter(read_at=None).update(read_at=now) and not mine.exists():
        raise missing()


def recipient(actor: Actor, action: str) -> UUID:
    """The id of the member whose inbox it is. Raises: Forbidden."""
    policy.require(actor, "inbox", action)
    if actor.member is None:
        raise Forbidden()
    return actor.member.pk


def missing() -> NotFound:
    return NotFound("There is no such message in your inbox.")


def _read(statement: str, parameters: Mapping[str, Any]) -> list[Entry]:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(columns=COLUMNS), parameters)
        return [_entry(row) for row in cursor.fetchall()]


def _entry(row: Sequence[Any]) -> Entry:
    plain, (digest, *texts, actions) = row[:FIRST_OF_CONTENT], row[FIRST_OF_CONTENT:N_COLUMNS]
    return Entry(*(*plain, bytes(digest), *texts, json.loads(actions)))


def _mark_delivered(entries: list[Entry], actor: Actor, now: datetime) -> list[Entry]:
    """The entries as they are afterwards. Who gave the inbox places meanwhile is not waited for."""
    unseen = {entry.delivery_id: Place(entry.campaign_id, entry.step_id) for entry in entries if entry.status in UNSEEN}
    if not unseen:
        return entries
    with transaction.atomic():
        moved = move_deliveries(
            unseen,
            DeliveryStatus.DELIVERED,
            actor=actor.label,
            at=now,
            # Why it had not reached him so far is told by its events.
            columns={"reason": [""] * len(unseen)},
            delivered_at=now,
        )
        pending = [pk for pk, old in moved.items() if old == DeliveryStatus.PENDING]
        if pending:
            # He has it: what was to be tried again is not.
            Delivery.objects.filter(pk__in=pending).update(work="", due_at=None)
    return [
        replace(entry, status=DeliveryStatus.DELIVERED.value) if entry.delivery_id in moved else entry
        for entry in entries
    ]
