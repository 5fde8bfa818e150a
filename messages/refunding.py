"""Ending messages that are not delivered: what is not yet given back is refunded at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from messages.models import Message, MessageStatus
from messages.notices import notify
from messages.transitions import move_messages
from ops_console.ledger.services import refund_rest


def refund_messages(messages: Sequence[Message], *, actor: str, reason: str, now: datetime) -> set[int]:
    """Refund queued and enroute messages whose rows are locked, and return the ids of those that were.

    A fixed number of statements, whatever the number. The money moves only for messages that do.
    """
    moved = move_messages(
        {message.pk: message.region for message in messages},
        MessageStatus.REFUNDED,
        actor=actor,
        at=now,
        reason=reason,
        ended_at=now,
        end_reason=reason,
        wait_until=None,
    )
    refund_rest(
        references=[message.msg_id for message in messages if message.pk in moved],
        reason=reason,
        actor_label=actor,
        now=now,
    )
    notify([message.pk for message in messages if message.pk in moved and message.callback_url], now=now)
    return set(moved)
