"""What an account does with its own messages: create, quote, edit, cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from messages.drafts import MessageDraft
from messages.ids import new_msg_id
from messages.models import Message, MessageStatus, RequestedCourier
from messages.refunding import refund_messages
from messages.services.planning import Plan, check_callback, draft_of, plan_message
from messages.transitions import count_flow, record_creation
from ops_console import doorbell
from ops_console.access.actors import Actor, ActorKind
from ops_console.errors import Forbidden, InvalidTransition, NotFound
from ops_console.ledger.models import Account
from ops_console.ledger.services import adjust_charge, charge
from ops_console.readers import RowReader, one_row

DISPATCH_TASK = "messages.tasks.dispatch"
CANCELLED = "Cancelled by the client."
Precondition = Callable[[Message], None]


@dataclass(frozen=True)
class Quote:
    """What a message would cost in US dollars, and when it would arrive."""

    cost: Decimal
    eta: datetime


def ring_dispatch() -> None:
    """Wake a dispatcher once the caller's transaction is committed."""
    transaction.on_commit(partial(doorbell.ring, DISPATCH_TASK))


def require_own(actor: Actor, account: Account) -> None:
    """Let only the account itself, a command or the system act for it.

    Raises:
        Forbidden: for everyone else.
    """
    if actor.kind in {ActorKind.COMMAND, ActorKind.SYSTEM}:
        return
    if actor.kind != ActorKind.ACCOUNT or actor.account_id != account.pk:
        raise Forbidden("These credentials are not of this account.")


def quote_message(*, account: Account, draft: MessageDraft, actor: Actor, now: datetime) -> Quote:
    """Say what a message would cost and when it would arrive; changes nothing and looks up no callback.

    Raises:
        InvalidInput: as when creating it.
    """
    require_own(actor, account)
    plan = plan_message(account=account, draft=draft, now=now)
    return Quote(plan.cost, plan.schedule.eta)


def create_message(*, account: Account, draft: MessageDraft, actor: Actor, now: datetime) -> Message:
    """Queue a message and charge the account for it.

    ``planning.check_callback`` was asked before: here nothing is looked up outside the database.

    Raises:
        InvalidInput: naming each member at fault.
        CreditExceeded: it would pass the account's credit limit.
    """
    require_own(actor, account)
    plan = plan_message(account=account, draft=draft, now=now)
    msg_id = new_msg_id()
    with transaction.atomic():
        charge(account_id=account.pk, reference=msg_id, amount=plan.cost, actor_label=actor.label, now=now)
        message = Message.objects.create(
            msg_id=msg_id,
            account_id=account.pk,
            organization_id=customer_of(account),
            created_at=now,
            **columns_of(draft, plan),
        )
        record_creation(message, actor=actor.label, at=now)
        request_couriers([(message, plan)])
    ring_dispatch()
    return message


def edit_message(
    *,
    account: Account,
    msg_id: str,
    revise: Callable[[MessageDraft], MessageDraft],
    actor: Actor,
    now: datetime,
    precondition: Precondition | None = None,
) -> Message:
    """Change a queued message and post the difference in price.

    ``revise`` turns the draft the message stands for into the wanted one. It is asked once to learn of a new callback,
    and again while the row is locked, so no edit is lost. ``precondition`` may refuse what it sees.

    Raises:
        NotFound: the account has no such message.
        InvalidTransition: it is no longer queued.
        InvalidInput: as when creating it.
        Conflict: the price would fall below what is already refunded.
        CreditExceeded: the difference would pass the account's credit limit.
    """
    require_own(actor, account)
    before = draft_of(find_own(account, msg_id))
    check_callback(revise(before), before=before)
    with transaction.atomic():
        message = lock_own(account, msg_id)
        if precondition:
            precondition(message)
        require_queued(message, wanted="edited")
        draft = revise(draft_of(message))
        plan = plan_message(account=account, draft=draft, now=now, unchanged=message)
        adjust_charge(reference=msg_id, new_amount=plan.cost, actor_label=actor.label, now=now)
        if plan.located.region != message.region:
            # One region's queue loses it, another's gains it.
            count_flow([(message.region, message.status, ""), (plan.located.region, "", message.status)])
        for name, value in columns_of(draft, plan).items():
            setattr(message, name, value)
        if message.pinned_courier and message.pinned_courier.payload_g < plan.weight_g:
            # Staff chose it for what the message weighed then.
            message.pinned_courier = None
        message.version += 1
        message.save()
        message.requested.all().delete()
        request_couriers([(message, plan)])
    ring_dispatch()
    return message


def cancel_message(
    *, account: Account, msg_id: str, actor: Actor, now: datetime, precondition: Precondition | None = None
) -> Message:
    """Take a queued message out of the queue and refund what is not yet refunded.

    Raises:
        NotFound: the account has no such message.
        InvalidTransition: it is no longer queued.
    """
    require_own(actor, account)
    with transaction.atomic():
        message = lock_own(account, msg_id)
        if precondition:
            precondition(message)
        require_queued(message, wanted="cancelled")
        refund_messages([message], actor=actor.label, reason=CANCELLED, now=now)
    message.refresh_from_db()
    return message


STATUS = RowReader(
    Message,
    *("id", "msg_id", "status", "version", "eta", "cost", "latitude", "longitude", "ended_at", "end_reason"),
)
FIND_STATUS = "SELECT {} FROM pigeon_messages_message m WHERE m.msg_id = %s AND m.account_id = %s".format(  # noqa: S608 - our own columns
    STATUS.columns("m")
)


def find_status(account: Account, msg_id: str) -> Message:
    """The account's message with what its status shows; its other fields are deferred. One query.

    Raises:
        NotFound: the account has no such message.
    """
    row = one_row(FIND_STATUS, [msg_id, account.pk])
    if row is None:
        raise NotFound("There is no such message.")
    return STATUS.read(row)


def find_own(account: Account, msg_id: str) -> Message:
    """The whole of the account's message; raises as ``find_status``."""
    return _only(Message.objects.of_account(account.pk), msg_id)


def lock_own(account: Account, msg_id: str) -> Message:
    """The account's message, locked until the transaction ends; raises as ``find_status``."""
    return _only(Message.objects.select_for_update().of_account(account.pk), msg_id)


def _only(messages: QuerySet[Message], msg_id: str) -> Message:
    message = messages.filter(msg_id=msg_id).first()
    if message is None:
        raise NotFound("There is no such message.")
    return message


def require_queued(message: Message, *, wanted: str) -> None:
    """Raise InvalidTransition unless the message is queued."""
    if message.status != MessageStatus.QUEUED:
        text = f"This message is {message.status}; only a queued one can be {wanted}."
        raise InvalidTransition(current=message.status, wanted=wanted, message=text)


def customer_of(account: Account) -> UUID:
    """The organization of a customer's account."""
    if account.organization_id is None:
        raise NotFound("There is no such account.")
    return account.organization_id


def columns_of(draft: MessageDraft, plan: Plan) -> dict[str, Any]:
    """What a message's row holds of its draft and plan."""
    located, extras = plan.located, draft.extras
    return {
        "region": located.region,
        "priority": extras.priority,
        "wait_until": plan.schedule.wait_until,
        "requested_until": plan.schedule.requested_until,
        "recipient_id": located.recipient_id,
        "recipient_name": located.recipient_name,
        "address": asdict(located.address),
        "place_name": located.place_name,
        "latitude": located.latitude,
        "longitude": located.longitude,
        "subject": draft.content.subject,
        "body": draft.content.body,
        "format": draft.content.format,
        "weight_g": plan.weight_g,
        "deliver_min": draft.timeframe.min,
        "deliver_max": draft.timeframe.max,
        "return_receipt": extras.return_receipt,
        "insured_value": extras.insured_value,
        "reference": extras.reference,
        "callback_url": extras.callback_url,
        "cost": plan.cost,
        "eta": plan.schedule.eta,
    }


def request_couriers(planned: Iterable[tuple[Message, Plan]]) -> None:
    """Write which couriers the messages ask for. One statement, none when no message does."""
    wanted = [
        RequestedCourier(message=message, courier_id=courier_id, rank=rank)
        for message, plan in planned
        for rank, courier_id in enumerate(plan.requested)
    ]
    if wanted:
        RequestedCourier.objects.bulk_create(wanted)
