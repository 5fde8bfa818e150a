"""What happened to one recipient's message, in the order it happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from campaigns.models import Attempt, AttemptKind, AttemptOutcome, Delivery, DeliveryEvent, DeliveryStatus
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import NotFound

# Of one millisecond, in this order.
ORDER = (
    "queued",
    "retried",
    "rendered",
    "handed_over",
    "refused",
    "put_off",
    "sent",
    "no_device",
    "failed",
    "reminded",
    "delivered",
    "read",
    "acknowledged",
    "missed",
    "due",
)
EVENTS = {
    DeliveryStatus.PENDING: "retried",
    DeliveryStatus.SENT: "sent",
    DeliveryStatus.NO_DEVICE: "no_device",
    DeliveryStatus.FAILED: "failed",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.ACKNOWLEDGED: "acknowledged",
    DeliveryStatus.MISSED: "missed",
}


@dataclass(frozen=True)
class Moment:
    """``detail`` says why or how; ``actor`` who, where it was somebody's doing."""

    at: datetime
    what: str
    detail: str = ""
    actor: str = ""


def get_delivery(*, delivery_id: UUID, actor: Actor) -> Delivery:
    """Return one with its step and its member's person.

    Raises:
        Forbidden: the actor may not.
        NotFound: the actor has no such delivery.
    """
    policy.require(actor, "deliveries", "retrieve")
    delivery = Delivery.objects.visible_to(actor).for_list().filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound("There is no such delivery.")
    return delivery


def timeline(delivery: Delivery) -> list[Moment]:
    """All that happened to a delivery, and the next try if there will be one. Two queries."""
    moments = [
        *_of_row(delivery),
        *_of_attempts(list(Attempt.objects.filter(delivery=delivery).order_by("id"))),
        *_of_events(delivery),
    ]
    return sorted(moments, key=lambda moment: (moment.at, ORDER.index(moment.what)))


def _of_row(delivery: Delivery) -> Iterator[Moment]:
    yield Moment(delivery.created_at, "queued", f"Step {delivery.step.key}")
    if delivery.read_at is not None:
        yield Moment(delivery.read_at, "read")
    if delivery.due_at is not None:
        yield Moment(delivery.due_at, "due", AttemptKind(delivery.work).label)


def _of_attempts(attempts: list[Attempt]) -> Iterator[Moment]:
    is_rendered = False
    for attempt in attempts:
        if not is_rendered and attempt.outcome != AttemptOutcome.UNFIT:
            is_rendered = True
            yield Moment(attempt.started_at, "rendered")
        yield Moment(attempt.ended_at, _word(attempt), _told(attempt))


def _word(attempt: Attempt) -> str:
    if attempt.outcome == AttemptOutcome.LATER:
        return "put_off"
    if attempt.outcome != AttemptOutcome.ACCEPTED:
        return "refused"
    return "reminded" if attempt.kind == AttemptKind.REMINDER else "handed_over"


def _told(attempt: Attempt) -> str:
    outcome = AttemptOutcome(attempt.outcome).label
    return f"{attempt.carrier}: {outcome}{f'. {attempt.detail}' if attempt.detail else ''}"


def _of_events(delivery: Delivery) -> Iterator[Moment]:
    for event in DeliveryEvent.objects.filter(subject=delivery).order_by("id"):
        what = EVENTS[DeliveryStatus(event.to_status)]
        why = delivery.reason if what in ("failed", "no_device") and event.to_status == delivery.status else ""
        yield Moment(event.at, what, event.reason or why, event.actor)
