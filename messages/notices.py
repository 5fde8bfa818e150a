"""Telling a message's ``callbackUrl`` what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from messages.models import Flight, Message
from messages.representation import status_document
from ops_console.outbox.services import NewWebhook, enqueue


def notify(message_ids: Sequence[int], *, now: datetime) -> None:
    """Queue a webhook with the present status of each message that has a callback, in the caller's transaction."""
    if not message_ids:
        return
    messages = list(Message.objects.filter(pk__in=message_ids).exclude(callback_url="").order_by("pk"))
    flights = Flight.objects.latest_of([message.pk for message in messages])
    enqueue(
        webhooks=[
            NewWebhook(
                organization_id=message.organization_id,
                url=message.callback_url,
                event=f"message.{message.status}",
                reference=message.msg_id,
                payload=_payload(message, flights.get(message.pk), now=now),
            )
            for message in messages
        ],
        now=now,
    )


def _payload(message: Message, flight: Flight | None, *, now: datetime) -> dict[str, Any]:
    status = status_document(message, flight, now=now)
    return status | {"reference": message.reference, "returnReceipt": message.return_receipt}
