"""Following pigeons: what becomes of the message that carries a delivery becomes of the delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from campaigns.channels import Handed
from campaigns.channels.pigeon import LOOK_SOONEST, next_look
from campaigns.engine.plans import plan_by_key
from campaigns.engine.recording import note_attempts
from campaigns.models import AttemptKind, AttemptOutcome, Delivery, DeliveryStatus, PigeonPost
from campaigns.transitions import Place, move_deliveries
from messages.models import Message, MessageStatus
from ops_console.state_machine import array_text

ACTOR = "pigeon"
BATCH = 1000
ON_THE_WAY = (MessageStatus.QUEUED, MessageStatus.ENROUTE)

LOOK_AGAIN = """
UPDATE campaigns_pigeonpost p SET look_at = n.look_at
FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (id, look_at) WHERE p.message_id = n.id
"""


def follow_batch(*, now: datetime, limit: int = BATCH) -> int:
    """Look at the messages it is time to look at, up to ``limit``, and return how many they were.

    Delivered: its delivery is DELIVERED, also one that had failed, or waits for another try. Refunded: one that is SENT
    is FAILED with the reason; of a reminder only an attempt tells. What happened to the delivery otherwise stays, as
    when its member has acknowledged meanwhile. One transaction of a few statements, whatever the number; two callers
    never take the same message.
    """
    with transaction.atomic():
        plan_by_key()
        posts = list(PigeonPost.objects.due(now)[:limit])
        if posts:
            _follow(posts, _lock({post.delivery_id for post in posts}), now)
    return len(posts)


@dataclass
class Ends:
    """What is to be written: the moves by delivery, and when to look at each post again."""

    delivered: dict[UUID, datetime] = field(default_factory=dict)
    refunded: dict[UUID, str] = field(default_factory=dict)
    lost_reminders: list[Handed] = field(default_factory=list)
    posts: list[PigeonPost] = field(default_factory=list)

    def look(self, post: PigeonPost, delivery: Delivery, now: datetime) -> None:
        """See what became of one message."""
        message: Message = post.message
        if message.status in ON_THE_WAY:
            post.look_at = next_look(message, now)
        elif delivery.status == DeliveryStatus.PENDING and delivery.work:
            # Its worker has yet to record that it was handed over.
            post.look_at = now + LOOK_SOONEST
        else:
            post.look_at = None
            self._end(post, message, now)
        self.posts.append(post)

    def _end(self, post: PigeonPost, message: Message, now: datetime) -> None:
        if message.status == MessageStatus.DELIVERED:
            self.delivered[post.delivery_id] = message.ended_at or now
        elif post.kind == AttemptKind.REMINDER:
            self.lost_reminders.append(_lost(post, message.end_reason, message.ended_at or now))
        else:
            self.refunded[post.delivery_id] = message.end_reason


def _lost(post: PigeonPost, why: str, at: datetime) -> Handed:
    return Handed(
        delivery_id=post.delivery_id,
        carrier=ACTOR,
        outcome=AttemptOutcome.REFUSED,
        detail=f"It was lost. {why}".strip(),
        started_at=at,
        ended_at=at,
    )


def _lock(ids: set[UUID]) -> dict[UUID, Delivery]:
    rows = Delivery.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    return {delivery.pk: delivery for delivery in rows.only("campaign_id", "step_id", "status", "work")}


def _follow(posts: Sequence[PigeonPost], deliveries: Mapping[UUID, Delivery], now: datetime) -> None:
    ends = Ends()
    for post in posts:
        ends.look(post, deliveries[post.delivery_id], now)
    places = {pk: Place(delivery.campaign_id, delivery.step_id) for pk, delivery in deliveries.items()}
    _deliver(ends.delivered, places, now)
    # Whom one of his messages reached was reached.
    _fail({pk: why for pk, why in ends.refunded.items() if pk not in ends.delivered}, deliveries, places, now)
    note_attempts([(AttemptKind.REMINDER, lost) for lost in ends.lost_reminders])
    columns: list[list[Any]] = [[post.message_id for post in ends.posts], [post.look_at for post in ends.posts]]
    with connection.cursor() as cursor:
        cursor.execute(LOOK_AGAIN, list(map(array_text, columns)))


def _deliver(delivered: Mapping[UUID, datetime], places: Mapping[UUID, Place], now: datetime) -> None:
    move_deliveries(
        {pk: places[pk] for pk in delivered},
        DeliveryStatus.DELIVERED,
        actor=ACTOR,
        at=now,
        columns={"delivered_at": list(delivered.values()), "reason": [""] * len(delivered)},
    )


def _fail(
    refunded: Mapping[UUID, str],
    deliveries: Mapping[UUID, Delivery],
    places: Mapping[UUID, Place],
    now: datetime,
) -> None:
    """Those that were sent; one that is pending is being tried again."""
    failed = {pk: why for pk, why in refunded.items() if deliveries[pk].status == DeliveryStatus.SENT}
    move_deliveries(
        {pk: places[pk] for pk in failed},
        DeliveryStatus.FAILED,
        actor=ACTOR,
        at=now,
        reason=list(failed.values()),
        columns={"reason": list(failed.values())},
    )
