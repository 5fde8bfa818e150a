"""What staff do with messages, as the console offers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.conf import settings
from django.db.models import F, Sum

from messages.models import Message, MessageStatus
from messages.services import steering
from messages.services.refunds import request_refund
from messages.services.steering import Outcome
from ops_console.access.actors import Actor
from ops_console.console import forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.display import money
from ops_console.ledger.models import Charge, Refund, RefundStatus


class Steering(Protocol):
    def __call__(self, *, msg_ids: Sequence[str], reason: str, actor: Actor, now: datetime) -> Outcome: ...


def steered(service: Steering) -> Callable[[Call], Report]:
    """Call the service once, with the whole selection."""

    def run(call: Call) -> Report:
        msg_ids = [message.msg_id for message in call.objects]
        outcome = service(msg_ids=msg_ids, actor=call.actor, now=call.now, **call.given)
        return Report(outcome.done, outcome.refused)

    return run


def told(sentence: str, *wanted: MessageStatus) -> Callable[[Call], Sequence[str]]:
    """Say what happens, and how many of the selection are in a state for it."""

    def preview(call: Call) -> Sequence[str]:
        statuses = Counter(message.status for message in call.objects)
        states = ", ".join(f"{n:,} {status}" for status, n in sorted(statuses.items()))
        n_others = len(call.objects) - sum(statuses[status] for status in wanted)
        refusal = f" {n_others:,} will be refused." if n_others else ""
        return (sentence, f"Now: {states}.{refusal}")

    return preview


def unpaid_back(messages: Sequence[Message]) -> Decimal:
    """What of the messages' charges was not given back yet, in US dollars. One query."""
    charges = Charge.objects.filter(reference__in=[message.msg_id for message in messages])
    total: Decimal | None = charges.aggregate(left=Sum(F("amount") - F("refunded")))["left"]
    return total or Decimal(0)


def preview_lost(call: Call) -> Sequence[str]:
    flying = [message for message in call.objects if message.status == MessageStatus.ENROUTE]
    tell = told("Their couriers go offline, and the messages are refunded.", MessageStatus.ENROUTE)
    return (*tell(call), f"{money(unpaid_back(flying))} goes back to the accounts at once.")


def is_queued(message: Message) -> bool:
    return message.status == MessageStatus.QUEUED


def is_enroute(message: Message) -> bool:
    return message.status == MessageStatus.ENROUTE


class ReassignForm(forms.ReasonForm):
    field_order = ("pgn_id", "reason")
    pgn_id = forms.line("Courier (pgnId)", max_length=7, help_text="Seven characters, such as CPL593H.")


def reassign(call: Call) -> Report:
    message = steering.reassign_message(
        msg_id=call.target.msg_id,
        pgn_id=call.given["pgn_id"].strip().upper(),
        reason=call.given["reason"],
        actor=call.actor,
        now=call.now,
    )
    how = "waits for" if message.status == MessageStatus.QUEUED else "flies with"
    return Report(text=f"{message.msg_id} {how} {call.given['pgn_id'].strip().upper()} now.")


def preview_reassign(call: Call) -> Sequence[str]:
    if is_queued(call.target):
        return ("The message waits for this courier and flies with no other.",)
    return ("The present flight is recalled, its courier rests, and the new one starts at once.",)


class RefundForm(forms.ReasonForm):
    field_order = ("amount", "reason")
    amount = forms.money("Amount in US dollars")


def refund(call: Call) -> Report:
    done: Refund = request_refund(msg_id=call.target.msg_id, actor=call.actor, now=call.now, **call.given)
    if done.status == RefundStatus.REQUESTED:
        return Report(text=f"{money(done.amount)} waits for the approval of a second member of staff.")
    return Report(text=f"{money(done.amount)} was refunded.")


def preview_refund(call: Call) -> Sequence[str]:
    limit = settings.REFUND_FOUR_EYES_LIMIT
    return (
        f"{money(unpaid_back(call.objects))} of {money(call.target.cost)} has not been given back yet.",
        f"When staff refunds of this message come to more than {money(limit)}, a second member of staff must approve.",
        "A message that has not arrived does not fly on once all is given back.",
    )


def left_to_refund(message: Any) -> dict[str, Any]:
    return {"amount": unpaid_back([message])}


DISPATCH = ServiceAction(
    name="dispatch",
    label="Dispatch now",
    resource="messages",
    right="dispatch",
    run=steered(steering.dispatch_messages),
    preview=told(
        "They fly at once, with a courier they ask for or else the nearest, whatever they wait for.",
        MessageStatus.QUEUED,
    ),
    applies=lambda message: is_queued(message) and message.held_at is None,
    done="dispatched",
    icon="flight_takeoff",
)
HOLD = ServiceAction(
    name="hold",
    label="Hold",
    resource="messages",
    right="hold",
    run=steered(steering.hold_messages),
    preview=told("They stay on the ground until released; their timeframes run on.", MessageStatus.QUEUED),
    applies=lambda message: is_queued(message) and message.held_at is None,
    done="held",
    icon="pause",
)
RELEASE = ServiceAction(
    name="release",
    label="Release",
    resource="messages",
    right="release",
    run=steered(steering.release_messages),
    preview=told("They may fly again.", MessageStatus.QUEUED),
    applies=lambda message: is_queued(message) and message.held_at is not None,
    done="released",
    icon="play_arrow",
)
REASSIGN = ServiceAction(
    name="reassign",
    label="Reassign",
    resource="messages",
    right="reassign",
    run=reassign,
    preview=preview_reassign,
    applies=lambda message: is_queued(message) or is_enroute(message),
    scope=Scope.ONE,
    form=ReassignForm,
    icon="swap_horiz",
)
REFUND = ServiceAction(
    name="refund",
    label="Refund",
    resource="refunds",
    right="request",
    run=refund,
    preview=preview_refund,
    applies=lambda message: message.status != MessageStatus.REFUNDED,
    initial=left_to_refund,
    scope=Scope.ONE,
    form=RefundForm,
    icon="currency_exchange",
)
DELIVER = ServiceAction(
    name="deliver",
    label="Mark delivered",
    resource="messages",
    right="deliver",
    run=steered(steering.deliver_messages),
    preview=told("They count as delivered now; their couriers rest at the destination.", MessageStatus.ENROUTE),
    applies=is_enroute,
    done="marked delivered",
    icon="done_all",
)
LOST = ServiceAction(
    name="lost",
    label="Declare courier lost",
    resource="messages",
    right="lost",
    run=steered(steering.lose_couriers),
    preview=preview_lost,
    applies=is_enroute,
    done="refunded, their couriers lost",
    icon="flight_land",
    is_dangerous=True,
)
ALL = (DISPATCH, HOLD, RELEASE, REASSIGN, REFUND, DELIVER, LOST)
