"""What staff and operators do with messages: dispatch now, hold, release, reassign, lost, delivered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from couriers.models import Courier
from messages.dispatch.departures import Dispatched, dispatch_batch, dispatch_queue, take_off
from messages.dispatch.landing import land_now, lose, recall
from messages.dispatch.matching import Match, QueuedMessage
from messages.dispatch.pool import CourierPool
from messages.models import Flight, Message, MessageStatus
from messages.notices import notify
from messages.refunding import refund_messages
from messages.services.clients import ring_dispatch
from ops_console.access.actors import Actor
from ops_console.access.policy import require
from ops_console.audit.services import Change, record, record_many
from ops_console.errors import Conflict, DomainError, InvalidInput, InvalidTransition, NotFound
from ops_console.ledger.services import pay_insurance

LOST = "The courier was lost."


@dataclass
class Outcome:
    """Which messages it was done to, and why not to the others; both by msgId."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def hold_messages(*, msg_ids: Sequence[str], reason: str, actor: Actor, now: datetime) -> Outcome:
    """Keep queued messages on the ground until they are released; their timeframes run on."""
    require(actor, "messages", "hold")
    return _update_queued(
        msg_ids, action="message.hold", changes={"held_at": now}, refused_if=_held, actor=actor, reason=reason, now=now
    )


def release_messages(*, msg_ids: Sequence[str], reason: str, actor: Actor, now: datetime) -> Outcome:
    """Let held messages fly again."""
    require(actor, "messages", "release")
    outcome = _update_queued(
        msg_ids,
        action="message.release",
        changes={"held_at": None},
        refused_if=_not_held,
        actor=actor,
        reason=reason,
        now=now,
    )
    ring_dispatch()
    return outcome


def dispatch_messages(*, msg_ids: Sequence[str], reason: str, actor: Actor, now: datetime) -> Outcome:
    """Let queued messages fly at once, whatever they wait for, with the courier of their rules who is free.

    One that nobody can carry now is refused and stays as it is.
    """
    require(actor, "messages", "dispatch")
    with transaction.atomic():
        outcome, messages = _lock(msg_ids, _not_queued, _held)
        ids = [message.pk for message in messages]
        Message.objects.filter(pk__in=ids, requested_until__gt=now).update(requested_until=now)
        dispatch_batch(now=now, limit=len(ids), ids=ids)
        after = dict(Message.objects.filter(pk__in=ids).values_list("pk", "status"))
        flown = [message for message in messages if after[message.pk] == MessageStatus.ENROUTE]
        # A refusal takes nothing from what the others wait for.
        stayed = [message for message in messages if after[message.pk] == MessageStatus.QUEUED]
        Message.objects.bulk_update(stayed, ["requested_until", "wait_until"])
        outcome.done = [message.msg_id for message in flown]
        outcome.refused |= {
            message.msg_id: "No available courier can carry it within its timeframe." for message in stayed
        }
        _audit(flown, "message.dispatch", {"status": MessageStatus.ENROUTE}, actor=actor, reason=reason, now=now)
    return outcome


def dispatch_due(*, actor: Actor, now: Callable[[], datetime], dry_run: bool = False) -> Dispatched:
    """Let all due messages fly, as the workers do; each batch is audited in its transaction. A dry run writes nothing.

    Raises:
        Forbidden: the actor may not.
    """
    require(actor, "messages", "dispatch")

    def note(done: Dispatched, at: datetime) -> None:
        if done.n_departed or done.n_refunded:
            record(
                actor=actor,
                action="queue.dispatch",
                target_type="queue",
                target_id="due messages",
                organization_id=None,
                after={"departed": done.n_departed, "refunded": done.n_refunded},
                at=at,
            )

    return dispatch_queue(now=now, note=None if dry_run else note, dry_run=dry_run)


def deliver_messages(*, msg_ids: Sequence[str], reason: str, actor: Actor, now: datetime) -> Outcome:
    """Mark enroute messages delivered now; their couriers rest at the destination."""
    require(actor, "messages", "deliver")
    with transaction.atomic():
        outcome, messages = _lock(msg_ids, _not_enroute)
        landed = land_now([message.pk for message in messages], actor=actor.label, reason=reason, now=now)
        done = [message for message in messages if message.pk in landed]
        outcome.done = [message.msg_id for message in done]
        _audit(done, "message.deliver", {"status": MessageStatus.DELIVERED}, actor=actor, reason=reason, now=now)
    return outcome


def lose_couriers(*, msg_ids: Sequence[str], reason: str, actor: Actor, now: datetime) -> Outcome:
    """Declare the couriers of enroute messages lost: they go offline, the messages are refunded.

    What a message was insured for is paid to its account.
    """
    require(actor, "messages", "lost")
    with transaction.atomic():
        outcome, messages = _lock(msg_ids, _not_enroute)
        flights = _flights(messages)
        for flight in flights:
            lose(flight, actor=actor.label, reason=reason, now=now)
        refund_messages(messages, actor=actor.label, reason=LOST, now=now)
        _pay_insured(messages, actor=actor, now=now)
        outcome.done = [message.msg_id for message in messages]
        record_many(
            actor=actor, action="message.lost", items=[_lost(flight) for flight in flights], reason=reason, at=now
        )
    return outcome


def _lost(flight: Flight) -> Change:
    """What came of a lost courier, as the audit trail holds it."""
    message = flight.message
    return Change(
        "message",
        message.msg_id,
        message.organization_id,
        before={"status": MessageStatus.ENROUTE},
        after={
            "status": MessageStatus.REFUNDED,
            "courier": flight.courier.pgn_id,
            "insurance_paid": message.insured_value,
        },
    )


def _pay_insured(messages: Sequence[Message], *, actor: Actor, now: datetime) -> None:
    # In the order of accounts, so that two of these never wait for each other.
    for message in sorted(messages, key=lambda message: message.account_id):
        if message.insured_value:
            pay_insurance(
                account_id=message.account_id,
                reference=message.msg_id,
                amount=message.insured_value,
                actor_label=actor.label,
                now=now,
            )


def reassign_message(*, msg_id: str, pgn_id: str, reason: str, actor: Actor, now: datetime) -> Message:
    """Choose who flies a message: pins a queued one's courier, or recalls an enroute flight and starts the new one.

    Raises:
        InvalidInput: there is no such courier, or it cannot carry the weight.
        InvalidTransition: the message has ended.
        Conflict: it is enroute and the courier cannot leave now, or not be there in time.
    """
    require(actor, "messages", "reassign")
    with transaction.atomic():
        outcome, messages = _lock([msg_id], _ended)
        if outcome.refused:
            raise refusal_of(msg_id, outcome.refused[msg_id])
        message = messages[0]
        courier = _carrier(message, pgn_id)
        before = {"courier": _present_carrier(message)}
        if message.status == MessageStatus.QUEUED:
            _pin(message, courier, now=now)
        else:
            _fly_instead(message, courier, actor=actor, reason=reason, now=now)
        _audit([message], "message.reassign", {"courier": pgn_id}, before=before, actor=actor, reason=reason, now=now)
    ring_dispatch()
    message.refresh_from_db()
    return message


def _pin(message: Message, courier: Courier, *, now: datetime) -> None:
    is_open = message.deliver_min is None or message.deliver_min <= now
    # Whom it waited for does not matter any more; when it is wanted does.
    wait_until = None if is_open else message.wait_until
    Message.objects.filter(pk=message.pk).update(
        pinned_courier=courier, wait_until=wait_until, version=F("version") + 1
    )


def _fly_instead(message: Message, courier: Courier, *, actor: Actor, reason: str, now: datetime) -> None:
    """Recall the flight and start one with this courier: the message stays enroute."""
    flight = _flights([message])[0]
    if flight.courier_id == courier.pk:
        raise Conflict(f"{courier.pgn_id} is flying it already.")
    queued = QueuedMessage.of(message)
    pool = CourierPool(now=now)
    pool.fetch_by_id([courier.pk])
    candidate = pool.by_id(courier.pk)
    if candidate is None:
        raise Conflict(f"{courier.pgn_id} is {courier.status}: choose an available courier.")
    match = Match.of(queued, candidate, now=now)
    if message.deliver_max is not None and match.arrives_at > message.deliver_max:
        raise Conflict(f"{courier.pgn_id} cannot be there by the end of the timeframe.")
    recall(flight, actor=actor.label, reason=reason, now=now)
    take_off([match], actor=actor.label, now=now)
    Message.objects.filter(pk=message.pk).update(eta=match.arrives_at, version=F("version") + 1)
    notify([message.pk], now=now)


def _carrier(message: Message, pgn_id: str) -> Courier:
    courier = Courier.objects.select_for_update().filter(pgn_id=pgn_id).first()
    if courier is None:
        raise InvalidInput.field("pgnId", message=f"There is no courier {pgn_id}.", code="unknown_courier")
    if courier.payload_g < message.weight_g:
        text = f"{pgn_id} carries {courier.payload_g:g} g; the message weighs {message.weight_g:g} g."
        raise InvalidInput.field("pgnId", message=text, code="too_heavy")
    return courier


def _present_carrier(message: Message) -> str:
    """The pgnId of who flies it or, still queued, of who was chosen before."""
    flights = _flights([message])
    courier = flights[0].courier if flights else message.pinned_courier
    return courier.pgn_id if courier else ""


Refusal = Callable[[Message], str | None]


def _not_queued(message: Message) -> str | None:
    return None if message.status == MessageStatus.QUEUED else f"It is {message.status}, not queued."


def _not_enroute(message: Message) -> str | None:
    return None if message.status == MessageStatus.ENROUTE else f"It is {message.status}, not enroute."


def _ended(message: Message) -> str | None:
    is_open = message.status in {MessageStatus.QUEUED, MessageStatus.ENROUTE}
    return None if is_open else f"It is {message.status} already."


def _held(message: Message) -> str | None:
    return "It is held: release it first." if message.held_at else None


def _not_held(message: Message) -> str | None:
    return None if message.held_at else "It is not held."


def _lock(msg_ids: Iterable[str], *refusals: Refusal) -> tuple[Outcome, list[Message]]:
    """Lock the messages in one order and keep those nothing speaks against."""
    wanted = list(dict.fromkeys(msg_ids))
    rows = Message.objects.select_for_update().filter(msg_id__in=wanted).order_by("pk")
    outcome, messages = Outcome(), []
    for message in rows:
        refusal = next((text for check in refusals if (text := check(message))), None)
        if refusal:
            outcome.refused[message.msg_id] = refusal
        else:
            messages.append(message)
    known = {message.msg_id for message in rows}
    outcome.refused |= {msg_id: "There is no such message." for msg_id in wanted if msg_id not in known}
    return outcome, messages


def _update_queued(
    msg_ids: Sequence[str],
    *,
    action: str,
    changes: dict[str, Any],
    refused_if: Refusal,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Outcome:
    with transaction.atomic():
        outcome, messages = _lock(msg_ids, _not_queued, refused_if)
        ids = [message.pk for message in messages]
        Message.objects.filter(pk__in=ids).update(**changes, version=F("version") + 1)
        outcome.done = [message.msg_id for message in messages]
        _audit(messages, action, changes, actor=actor, reason=reason, now=now)
    return outcome


def _flights(messages: Sequence[Message]) -> list[Flight]:
    flights = Flight.objects.aloft().select_related("message", "courier")
    return list(flights.filter(message__in=messages).select_for_update(of=("self",)).order_by("courier_id"))


def _audit(
    messages: Sequence[Message],
    action: str,
    after: dict[str, Any],
    *,
    before: dict[str, Any] | None = None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Write what was done to each; without ``before`` the fields that changed are read from the messages."""
    changed = {"status", "held_at"} & after.keys()
    items = [
        Change(
            "message",
            message.msg_id,
            message.organization_id,
            before=before or {name: getattr(message, name) for name in changed},
            after=after,
        )
        for message in messages
    ]
    record_many(actor=actor, action=action, items=items, reason=reason, at=now)


def only(outcome: Outcome, msg_id: str) -> None:
    """Turn the outcome of a call for one message into an exception where it was refused.

    Raises:
        NotFound, InvalidTransition: as the refusal says.
    """
    if msg_id in outcome.refused:
        raise refusal_of(msg_id, outcome.refused[msg_id])


def refusal_of(msg_id: str, text: str) -> DomainError:
    current = Message.objects.filter(msg_id=msg_id).values_list("status", flat=True).first()
    if current is None:
        return NotFound(text)
    return InvalidTransition(current=current, wanted="", message=text)
