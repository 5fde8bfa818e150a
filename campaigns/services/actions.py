"""What recipients do with their messages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from campaigns.models import (
    AudienceMember,
    CampaignStatus,
    Closing,
    Delivery,
    DeliveryStatus,
    RecipientAction,
)
from campaigns.services.inbox import missing, recipient
from campaigns.transitions import close_members, move_delivery
from ops_console import doorbell
from ops_console.access.actors import Actor
from ops_console.errors import InvalidInput, InvalidTransition

PAYLOAD_BYTES = 10_000


def submit_action(*, delivery_id: UUID, action_id: str, payload: bytes = b"", actor: Actor, now: datetime) -> None:
    """Acknowledge a delivery, which closes its recipient for the campaign; done before, change nothing.

    Locks the delivery, then the member of the audience: whoever moves deliveries and closes members does so in this
    order.

    Raises:
        Forbidden: the actor is no person with the right to act on his inbox.
        InvalidInput: at ``action_id``: the message has no such action; at ``payload``: it is too long.
        InvalidTransition: the campaign was cancelled, or the member marked missed, or it has not been sent.
        NotFound: it is not the actor's.
    """
    member_id = recipient(actor, "act")
    if len(payload) > PAYLOAD_BYTES:
        raise InvalidInput.field("payload", message=f"This is at most {PAYLOAD_BYTES} bytes.")
    with transaction.atomic():
        delivery = Delivery.objects.for_acting(delivery_id, member_id=member_id)
        if delivery is None:
            raise missing()
        _refuse_unknown(delivery, action_id)
        if delivery.status == DeliveryStatus.ACKNOWLEDGED:
            return
        _refuse_closed(delivery)
        _acknowledge(delivery, actor, now)
        RecipientAction.objects.create(delivery=delivery, action_id=action_id, payload=payload, at=now)
        transaction.on_commit(lambda: doorbell.ring("campaigns.tasks.advance"))


def _refuse_unknown(delivery: Delivery, action_id: str) -> None:
    if delivery.content is None:
        raise _too_late(delivery.status)
    if action_id not in [action["id"] for action in delivery.content.actions]:
        raise InvalidInput.field("action_id", message="The message has no such action.", code="unknown")


def _refuse_closed(delivery: Delivery) -> None:
    if delivery.campaign.status == CampaignStatus.CANCELLED:
        raise _too_late(CampaignStatus.CANCELLED)
    if delivery.recipient.closing == Closing.MISSED:
        raise _too_late(Closing.MISSED)


def _acknowledge(delivery: Delivery, actor: Actor, now: datetime) -> None:
    """Nothing is left for workers to do for it, and nobody is to be reminded."""
    to = DeliveryStatus.ACKNOWLEDGED
    emptied = {"reason": [""]}
    move_delivery(delivery, to, actor=actor.label, at=now, columns=emptied, acted_at=now, work="", due_at=None)
    if close_members([delivery.recipient_id], Closing.ACKNOWLEDGED, at=now):
        return
    # Closed by another of his deliveries: perhaps a moment ago, and as missed.
    if AudienceMember.objects.filter(pk=delivery.recipient_id, closing=Closing.MISSED).exists():
        raise _too_late(Closing.MISSED)


def _too_late(current: str) -> InvalidTransition:
    return InvalidTransition(current=str(current), wanted=DeliveryStatus.ACKNOWLEDGED.value)
