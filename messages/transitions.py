"""The life of a message and of a flight: which moves there are, and what is counted with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from messages.models import Message, MessageEvent, MessageStatus
from ops_console.errors import InvalidTransition, NotFound
from ops_console.state_machine import StateMachine

MACHINE = StateMachine(
    Message,
    MessageEvent,
    {
        MessageStatus.ENROUTE: frozenset({MessageStatus.QUEUED}),
        MessageStatus.DELIVERED: frozenset({MessageStatus.ENROUTE}),
        MessageStatus.REFUNDED: frozenset({MessageStatus.QUEUED, MessageStatus.ENROUTE}),
    },
)


def move_messages(
    regions: Mapping[int, str],
    to: MessageStatus,
    *,
    actor: str,
    at: datetime,
    reason: str = "",
    columns: Mapping[str, Sequence[Any]] | None = None,
    **changes: Any,
) -> dict[int, str]:
    """Move the messages that may move, count them, and return each moved id with its old status.

    ``regions`` names the messages by id, each with its region. Two statements, whatever the number.
    """
    moved = MACHINE.move(list(regions), to, actor=actor, reason=reason, at=at, columns=columns, **changes)
    count_flow((regions[pk], old, to) for pk, old in moved.items())
    return moved


def move_message(
    message: Message, to: MessageStatus, *, actor: str, at: datetime, reason: str = "", **changes: Any
) -> None:
    """Move one message.

    Raises:
        InvalidTransition: its status does not allow it.
        NotFound: there is no such message.
    """
    if move_messages({message.pk: message.region}, to, actor=actor, at=at, reason=reason, **changes):
        return
    current = Message.objects.filter(pk=message.pk).values_list("status", flat=True).first()
    if current is None:
        raise NotFound()
    raise InvalidTransition(current=current, wanted=to)


COUNT = """
INSERT INTO pigeon_messages_messageflow (region, from_status, to_status, n)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
"""


def count_flow(moves: Iterable[tuple[str, str, str]]) -> None:
    """Append how many messages of each region moved from which status to which."""
    counts = Counter(moves)
    if counts:
        region, old, new = zip(*counts, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [list(region), list(old), list(new), list(counts.values())])


CREATED = """
WITH event AS (
    INSERT INTO pigeon_messages_messageevent (subject_id, from_status, to_status, actor, reason, at)
    VALUES (%(id)s, '', %(status)s, %(actor)s, '', %(at)s)
)
INSERT INTO pigeon_messages_messageflow (region, from_status, to_status, n) VALUES (%(region)s, '', %(status)s, 1)
"""


def record_creation(message: Message, *, actor: str, at: datetime) -> None:
    """Write the first event of a message and count it, in one statement."""
    values: dict[str, Any] = {"id": message.pk, "status": message.status, "region": message.region}
    values |= {"actor": actor, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(CREATED, values)


def record_creations(messages: Sequence[Message], *, actor: str, at: datetime) -> None:
    """Write the first event of each message and count them, in two statements."""
    MessageEvent.objects.bulk_create(
        MessageEvent(subject=message, from_status="", to_status=message.status, actor=actor, at=at)
        for message in messages
    )
    count_flow((message.region, "", message.status) for message in messages)


FOLD = """
WITH taken AS (DELETE FROM pigeon_messages_messageflow RETURNING region, from_status, to_status, n)
INSERT INTO pigeon_messages_messageflow (region, from_status, to_status, n)
SELECT region, from_status, to_status, sum(n) FROM taken GROUP BY region, from_status, to_status
"""


def fold_flow() -> int:
    """Add up the appended counts into one row each and return how many rows there are now.

    A reader sees either the old rows or the new one. Two folds at once do no harm: the second finds deleted what the
    first took.
    """
    with connection.cursor() as cursor:
        cursor.execute(FOLD)
        return int(cursor.rowcount)
