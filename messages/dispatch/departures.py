"""Dispatch: claim a batch of due messages, match them with couriers, let them fly. One transaction a batch.

The transaction is the lease: nothing here calls out, so a killed worker's batch rolls back whole and is due again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db import connection, transaction

from couriers.grid_arrays import cells
from couriers.models import CourierStatus
from couriers.transitions import MACHINE as COURIER_MACHINE
from messages.dispatch.matching import CLAIMED, Levels, Match, Matcher, QueuedMessage, destinations
from messages.dispatch.plans import plan_by_index
from messages.dispatch.timeframes import refund_unmakeable
from messages.models import MessageStatus
from messages.notices import notify
from messages.transitions import move_messages
from ops_console.state_machine import array_text

ACTOR = "dispatch"
BATCH = 2000
# Of this process; every batch learns for the next.
LEVELS = Levels()
# How soon a message is looked at again that only a busy courier can fly.
RETRY = timedelta(seconds=20)

# How many messages are looked at for each free courier, for some may want another.
SPARE = 4
COUNT_FREE = "SELECT count(*) FROM (SELECT FROM couriers_courier WHERE status = 'available' LIMIT %s) free"
CLAIM = """
SELECT {columns} FROM pigeon_messages_message
WHERE status = 'queued' AND held_at IS NULL AND {condition}
ORDER BY priority, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
CLAIM_READY = CLAIM.format(columns=", ".join(CLAIMED), condition="wait_until IS NULL")
CLAIM_CHOSEN = CLAIM.format(columns=", ".join(CLAIMED), condition="id = ANY(%(ids)s)")
REQUESTED = """
SELECT message_id, courier_id FROM pigeon_messages_requestedcourier WHERE message_id = ANY(%s) ORDER BY message_id, rank
"""
LOCK_COURIERS = """
SELECT id FROM couriers_courier
WHERE id = ANY(%s::bigint[]) AND status = 'available' AND (ready_at IS NULL OR ready_at <= %s)
ORDER BY id FOR UPDATE SKIP LOCKED
"""
TAKE_OFF = """
INSERT INTO pigeon_messages_flight
    (message_id, courier_id, outcome, departed_at, arrives_at, distance_km, from_latitude, from_longitude)
SELECT message_id, courier_id, 'flying', %s, arrives_at, distance_km, latitude, longitude
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::float8[], %s::float8[], %s::float8[])
    AS f (message_id, courier_id, arrives_at, distance_km, latitude, longitude)
"""
POSTPONE = """
UPDATE pigeon_messages_message SET wait_until = w.wait_until
FROM unnest(%s::bigint[], %s::timestamptz[]) AS w (id, wait_until) WHERE pigeon_messages_message.id = w.id
"""
END_WAIT = """
UPDATE pigeon_messages_message SET wait_until = NULL WHERE id IN (
    SELECT id FROM pigeon_messages_message WHERE status = 'queued' AND wait_until <= %s
    ORDER BY wait_until LIMIT 10000 FOR UPDATE SKIP LOCKED)
"""
WAKE_FOR_COURIERS = """
UPDATE pigeon_messages_message SET wait_until = NULL WHERE id IN (
    SELECT m.id FROM pigeon_messages_message m
    WHERE m.status = 'queued' AND m.wait_until IS NOT NULL AND (m.deliver_min IS NULL OR m.deliver_min <= %(now)s)
      AND (m.pinned_courier_id = ANY(%(couriers)s)
           OR m.id IN (SELECT message_id FROM pigeon_messages_requestedcourier WHERE courier_id = ANY(%(couriers)s)))
    ORDER BY m.id FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True)
class Dispatched:
    """What became of a batch, or of several."""

    n_claimed: int = 0
    n_departed: int = 0
    n_postponed: int = 0
    n_refunded: int = 0

    @property
    def is_progress(self) -> bool:
        """Whether the next batch will see other messages than this one did."""
        return bool(self.n_departed + self.n_postponed + self.n_refunded)

    def __add__(self, later: Dispatched) -> Dispatched:
        return Dispatched(
            self.n_claimed + later.n_claimed,
            self.n_departed + later.n_departed,
            self.n_postponed + later.n_postponed,
            self.n_refunded + later.n_refunded,
        )


# Called in the transaction of a batch, last, with what became of it and when.
Note = Callable[[Dispatched, datetime], None]


def dispatch_queue(
    *,
    now: Callable[[], datetime],
    until: Callable[[], bool] = lambda: False,
    note: Note | None = None,
    dry_run: bool = False,
) -> Dispatched:
    """Dispatch batch after batch until nothing more can fly, or ``until`` says it is enough.

    A dry run does the same in one transaction and takes it back.
    """
    total = Dispatched()
    with transaction.atomic() if dry_run else nullcontext():
        end_waits(now=now())
        while True:
            done = dispatch_batch(now=now(), note=note)
            total += done
            if not done.is_progress or until():
                break
        if dry_run:
            transaction.set_rollback(True)
    return total


def dispatch_batch(
    *, now: datetime, limit: int = BATCH, ids: Sequence[int] | None = None, note: Note | None = None
) -> Dispatched:
    """Let up to ``limit`` due messages fly, express before standard and older before newer.

    Messages that found nobody because nobody is free stay due; those that only wait for somebody are postponed; those
    nobody can make in time are refunded. With ``ids`` only those messages are looked at, whatever they wait for, and
    none is refunded: that is left to the queue's turn.
    """
    if ids is None:
        limit = min(limit, SPARE * n_free(ceil(limit / SPARE)))
    with transaction.atomic():
        plan_by_index()
        batch = claim(now=now, limit=limit, ids=ids) if limit else []
        if not batch:
            return Dispatched()
        matcher = Matcher(now=now, levels=LEVELS)
        matches = match_and_lock(matcher, batch)
        depart(matches, now=now)
        flown = {match.message.id for match in matches}
        left = [message for message in batch if message.id not in flown]
        refunded = refund_unmakeable(left, now=now) if ids is None else set()
        postponed = postpone([m for m in left if m.id not in refunded], matcher=matcher, now=now)
        done = Dispatched(len(batch), len(matches), postponed, len(refunded))
        if note:
            note(done, now)
    return done


def n_free(most: int) -> int:
    """How many couriers are available, counted up to ``most``."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_FREE, [most])
        return int(cursor.fetchone()[0])


def claim(*, now: datetime, limit: int, ids: Sequence[int] | None) -> list[QueuedMessage]:
    """Lock due messages that no other dispatcher has, with the couriers they ask for."""
    with connection.cursor() as cursor:
        if ids is None:
            cursor.execute(CLAIM_READY, {"limit": limit})
        else:
            cursor.execute(CLAIM_CHOSEN, {"limit": limit, "ids": list(ids)})
        batch = [QueuedMessage(*row) for row in cursor.fetchall()]
        asking = {message.id: message for message in batch if message.requested_until is not None}
        if asking:
            cursor.execute(REQUESTED, [list(asking)])
            for message_id, courier_id in cursor.fetchall():
                asking[message_id].requested.append(courier_id)
    return batch


def match_and_lock(matcher: Matcher, batch: Sequence[QueuedMessage]) -> list[Match]:
    """Match, and lock the couriers; a message whose courier another dispatcher was quicker to take is matched again."""
    certain: list[Match] = []
    while batch:
        matches = matcher.match(batch)
        if not matches:
            break
        with connection.cursor() as cursor:
            cursor.execute(LOCK_COURIERS, [array_text([match.courier.id for match in matches]), matcher.now])
            locked = {row[0] for row in cursor.fetchall()}
        certain += [match for match in matches if match.courier.id in locked]
        batch = [match.message for match in matches if match.courier.id not in locked]
    return certain


def depart(matches: Sequence[Match], *, now: datetime) -> None:
    """Let matches fly whose messages and couriers are locked. Four statements, whatever the number."""
    if not matches:
        return
    take_off(matches, actor=ACTOR, now=now)
    move_messages(
        {match.message.id: match.message.region for match in matches},
        MessageStatus.ENROUTE,
        actor=ACTOR,
        at=now,
        columns={"eta": [match.arrives_at for match in matches]},
    )
    notify([match.message.id for match in matches if match.message.callback_url], now=now)


def take_off(matches: Sequence[Match], *, actor: str, now: datetime) -> None:
    """Make the couriers busy and write the flights, without a look at the messages.

    A busy courier's place is where it will land, so that a search for who could fly next finds it there.
    """
    # As the couriers lie in their table and its indexes: neighbours are written together.
    matches = sorted(matches, key=lambda match: match.courier.id)
    messages, couriers = [match.message for match in matches], [match.courier for match in matches]
    COURIER_MACHINE.move(
        [courier.id for courier in couriers],
        CourierStatus.BUSY,
        actor=actor,
        at=now,
        columns={
            "ready_at": [match.ready_at for match in matches],
            "latitude": [message.latitude for message in messages],
            "longitude": [message.longitude for message in messages],
            "cell": cells(destinations(messages)).tolist(),
        },
    )
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE_OFF,
            [
                now,
                array_text([message.id for message in messages]),
                array_text([courier.id for courier in couriers]),
                array_text([match.arrives_at for match in matches]),
                array_text([match.distance_km for match in matches]),
                array_text([courier.latitude for courier in couriers]),
                array_text([courier.longitude for courier in couriers]),
            ],
        )


def postpone(messages: Sequence[QueuedMessage], *, matcher: Matcher, now: datetime) -> int:
    """Take messages that wait for somebody out of the due ones, so that they do not stand in the others' way."""
    anyone_free = matcher.pool.has_free()
    waits = {
        message.id: _next_look(message, now) for message in messages if anyone_free or message.waits_for_someone(now)
    }
    if waits:
        with connection.cursor() as cursor:
            cursor.execute(POSTPONE, [list(waits), list(waits.values())])
    return len(waits)


def _next_look(message: QueuedMessage, now: datetime) -> datetime:
    if message.waits_for_requested(now) and message.requested_until is not None:
        return min(message.requested_until, now + RETRY)
    return now + RETRY


def end_waits(*, now: datetime) -> int:
    """Make due the messages whose wait is over, and return how many."""
    with connection.cursor() as cursor:
        cursor.execute(END_WAIT, [now])
        return int(cursor.rowcount)


def wake_for_couriers(courier_ids: Sequence[int], *, now: datetime) -> int:
    """Make due the messages that wait for one of these couriers, and return how many."""
    if not courier_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(WAKE_FOR_COURIERS, {"couriers": list(courier_ids), "now": now})
        return int(cursor.rowcount)
