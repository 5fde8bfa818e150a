"""Timeframes that can no longer be met: refunded with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from couriers.nearest import fastest_arrival
from messages.dispatch.matching import QueuedMessage
from messages.models import Message
from messages.refunding import refund_messages

ACTOR = "dispatch"
PASSED = "Its timeframe passed before a courier could deliver it."
UNMAKEABLE = "No courier can deliver it within its timeframe any more."
BATCH = 1000


def refund_unmakeable(left: Sequence[QueuedMessage], *, now: datetime) -> set[int]:
    """Refund those of the messages dispatch found nobody for that nobody could make any more; return their ids.

    Their rows are locked. A courier that is busy or resting now may still make one: such a message waits.
    """
    hopeless = [
        message.id
        for message in left
        if message.deliver_max is not None
        and fastest_arrival(
            latitude=message.latitude,
            longitude=message.longitude,
            payload_g=message.weight_g,
            not_after=message.deliver_max,
            now=now,
        )
        is None
    ]
    if not hopeless:
        return set()
    return refund_messages(list(Message.objects.filter(pk__in=hopeless)), actor=ACTOR, reason=UNMAKEABLE, now=now)


def refund_missed(*, now: datetime) -> int:
    """Refund a batch of queued messages whose timeframe is over, held ones too; return how many."""
    with transaction.atomic():
        missed = Message.objects.queued().filter(deliver_max__lte=now).order_by("deliver_max")
        rows = list(missed.select_for_update(skip_locked=True)[:BATCH])
        return len(refund_messages(rows, actor=ACTOR, reason=PASSED, now=now)) if rows else 0
