"""What happened to one recipient's message, in the order it happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from campaigns.engine.recording import DROPPED, PUT_OFF
from campaigns.models import Attempt, AttemptKind, AttemptOutcome, Campaign, Delivery, DeliveryEvent, DeliveryStatus
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import NotFound

# Of one instant, in this order.
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
    "dropped",
    "delivered",
    "read",
    "acknowledged",
    "missed",
    "stopped",
    "in_hand",
    "due",
)
EVENTS: dict[str, str] = {
    DeliveryStatus.PENDING: "retried",
    DeliveryStatus.SENT: "sent",
    DeliveryStatus.NO_DEVICE: "no_device",
    DeliveryStatus.FAILED: "failed",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.ACKNOWLEDGED: "acknowledged",
    DeliveryStatus.MISSED: "missed",
    # No moves.
    PUT_OFF: "put_off",
    DROPPED: "dropped",
}


@dataclass(frozen=True)
class Moment:
    """``detail`` says why or how; ``actor`` who, where it was somebody's doing."""

    at: datetime
    what: str
    detail: str = ""
    actor: str = ""


def get_delivery(*, delivery_id: UUID, actor: Actor) -> Delivery:
    """Return one with its step, its member's person, and what the member did.

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
    """All that happened to a delivery, and the next try if there will be one.

    Two queries; a third of one that its campaign's end left unsent.
    """
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
    if delivery.status == DeliveryStatus.PENDING and not delivery.work:
        yield from _of_end(delivery)
    if delivery.due_at is not None:
        work = AttemptKind(delivery.work).label
        if delivery.leased_by is None:
            yield Moment(delivery.due_at, "due", work)
        else:
            yield Moment(delivery.due_at, "in_hand", f"{work}: a worker has it, until then at the latest.")


def _of_end(delivery: Delivery) -> Iterator[Moment]:
    """The end of its campaign, which took away what was left to do."""
    campaign = Campaign.objects.only("ended_at", "status").get(pk=delivery.campaign_id)
    if campaign.ended_at is not None:
        yield Moment(campaign.ended_at, "stopped", delivery.reason or f"The campaign is {campaign.status}.")


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
    carrier = f"reminder, {attempt.carrier}" if attempt.kind == AttemptKind.REMINDER else attempt.carrier
    outcome = AttemptOutcome(attempt.outcome).label
    return f"{carrier}: {outcome}{f'. {attempt.detail}' if attempt.detail else ''}"


def _of_events(delivery: Delivery) -> Iterator[Moment]:
    for event in DeliveryEvent.objects.filter(subject=delivery).order_by("id"):
        yield Moment(event.at, EVENTS[event.to_status], event.reason, event.actor)
