"""Staff refunds of messages: the ledger's rules, and what a whole refund means for the message."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from couriers.models import Courier
from messages.dispatch.landing import recall
from messages.models import Flight, Message, MessageStatus
from messages.refunding import refund_messages
from ops_console.access.actors import Actor
from ops_console.audit.services import record
from ops_console.errors import NotFound
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Refund

WHOLLY_REFUNDED = "Refunded by staff."


def request_refund(*, msg_id: str, amount: Decimal, reason: str, actor: Actor, now: datetime) -> Refund:
    """Give back a part of what a message cost, or all; above the four-eyes limit it waits for a second member of staff.

    Raises:
        NotFound: there is no such message.
        Forbidden, InvalidInput: as ``ledger.services.request_refund``.
    """
    with transaction.atomic():
        message = _lock(msg_id)
        refund = ledger.request_refund(reference=msg_id, amount=amount, reason=reason, actor=actor, now=now)
        _end_if_whole(message, refund, actor=actor, now=now)
    return refund


def approve_refund(*, refund_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Refund:
    """Approve and post a refund that another member of staff asked for.

    Raises:
        NotFound: there is no such refund.
        Forbidden, InvalidTransition: as ``ledger.services.approve_refund``.
    """
    with transaction.atomic():
        reference = Refund.objects.filter(pk=refund_id).values_list("charge__reference", flat=True).first()
        if reference is None:
            raise NotFound("There is no such refund.")
        message = _lock(reference)
        refund = ledger.approve_refund(refund_id=refund_id, reason=reason, actor=actor, now=now)
        _end_if_whole(message, refund, actor=actor, now=now)
    return refund


def _lock(msg_id: str) -> Message:
    """The message and the courier that carries it, locked: before the ledger and the audit trail, as everywhere."""
    message = Message.objects.select_for_update().filter(msg_id=msg_id).first()
    if message is None:
        raise NotFound("There is no such message.")
    aloft = Flight.objects.aloft().filter(message=message).values("courier_id")
    Courier.objects.select_for_update().filter(pk__in=aloft).first()
    return message


def _end_if_whole(message: Message, refund: Refund, *, actor: Actor, now: datetime) -> None:
    """A message that is wholly paid back does not fly on; a delivered one stays delivered (design section 5)."""
    if not refund.charge.is_fully_refunded or message.status not in {MessageStatus.QUEUED, MessageStatus.ENROUTE}:
        return
    flight = Flight.objects.aloft().select_related("message", "courier").filter(message=message).first()
    if flight is not None:
        recall(flight, actor=actor.label, reason=WHOLLY_REFUNDED, now=now)
    refund_messages([message], actor=actor.label, reason=WHOLLY_REFUNDED, now=now)
    record(
        actor=actor,
        action="message.refund",
        target_type="message",
        target_id=message.msg_id,
        organization_id=message.organization_id,
        before={"status": message.status, "courier": flight.courier.pgn_id if flight else ""},
        after={"status": MessageStatus.REFUNDED, "courier": ""},
        reason=refund.reason,
        at=now,
    )
