"""Refunds by staff: asked for, and past a limit decided by a second person.

``refund.charge`` of every answer is fresh: when it ``is_fully_refunded``, what was charged for has nothing left to pay,
and the domain that owns it moves it on in the same transaction (the ledger knows no messages).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum

from ops_console.access import policy
from ops_console.access.actors import Actor, ActorKind
from ops_console.audit import services as audit
from ops_console.errors import Conflict, Forbidden, InvalidInput, NotFound
from ops_console.ledger.models import Charge, Entry, EntryKind, Refund, RefundEvent, RefundOrigin, RefundStatus
from ops_console.ledger.services.amounts import check_amount, check_reason, show
from ops_console.ledger.services.charges import lock_charge
from ops_console.ledger.services.journal import REVENUE, Line, post_one
from ops_console.ledger.services.refund_states import REFUNDS
from ops_console.organizations.models import Person

OPEN = (RefundStatus.REQUESTED, RefundStatus.APPROVED)


@transaction.atomic
def request_refund(*, reference: str, amount: Decimal, reason: str, actor: Actor, now: datetime) -> Refund:
    """Give money back on a charge, or ask for it.

    It is posted at once unless it and all staff refunds of the charge before it, the rejected aside, pass
    ``REFUND_FOUR_EYES_LIMIT``; then it waits as requested, its amount reserved. Locks the charge, then the account.

    Raises:
        Forbidden: the actor is not a member of staff who may ask for refunds.
        InvalidInput: at ``amount`` (also when less is left) or ``reason``.
        NotFound: nothing was charged for that reference.
    """
    policy.require(actor, "refunds", "request")
    person = _member_of_staff(actor)
    amount = check_amount(amount, "amount")
    reason = check_reason(reason)
    charge = lock_charge(reference)
    waits = _check_left(charge, amount)
    refund = Refund(
        charge=charge,
        origin=RefundOrigin.STAFF,
        amount=amount,
        reason=reason,
        status=RefundStatus.REQUESTED if waits else RefundStatus.POSTED,
        requested_by=person,
        created_at=now,
        decided_at=None if waits else now,
    )
    if not waits:
        refund.entry = _post(refund, actor, now)
    _insert(refund, actor)
    _audit_requested(refund, actor)
    return refund


@transaction.atomic
def approve_refund(*, refund_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Refund:
    """Approve a refund another member of staff asked for, and post it. Locks the charge, then refund and account.

    Raises:
        Conflict: less is left of the charge, because it was adjusted since.
        Forbidden: the actor is not a member of staff who may approve refunds, or asked for this one.
        InvalidTransition: it is decided already.
        NotFound: there is no such refund.
    """
    policy.require(actor, "refunds", "approve")
    reason = check_reason(reason, required=False)
    refund, person = _to_decide(refund_id, actor)
    REFUNDS.move_one(
        refund.pk,
        RefundStatus.APPROVED,
        actor=actor.label,
        reason=reason,
        at=now,
        decided_by=person.pk,
        decided_at=now,
    )
    left = refund.charge.amount - refund.charge.refunded
    if refund.amount > left:
        raise Conflict(f"Only {show(left)} of the charge is left to refund: reject this refund.")
    entry = _post(refund, actor, now)
    REFUNDS.move_one(refund.pk, RefundStatus.POSTED, actor=actor.label, reason=reason, at=now, entry=entry.pk)
    _audit(refund, "refund.approve", actor, now, {"status": "requested"}, {"status": "approved"}, reason)
    _audit_posted(refund, actor, now)
    return Refund.objects.with_charge_and_people().get(pk=refund.pk)


@transaction.atomic
def reject_refund(*, refund_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Refund:
    """Refuse a refund another member of staff asked for.

    Raises:
        Forbidden: the actor is not a member of staff who may reject refunds, or asked for this one.
        InvalidTransition: it is decided already.
        NotFound: there is no such refund.
    """
    policy.require(actor, "refunds", "reject")
    reason = check_reason(reason, required=False)
    refund, person = _to_decide(refund_id, actor)
    REFUNDS.move_one(
        refund.pk,
        RefundStatus.REJECTED,
        actor=actor.label,
        reason=reason,
        at=now,
        decided_by=person.pk,
        decided_at=now,
    )
    _audit(refund, "refund.reject", actor, now, {"status": "requested"}, {"status": "rejected"}, reason)
    return Refund.objects.with_charge_and_people().get(pk=refund.pk)


def _member_of_staff(actor: Actor) -> Person:
    if actor.kind is not ActorKind.STAFF or actor.person is None:
        raise Forbidden("Only a member of staff, by name, may ask for a refund or decide one.")
    return actor.person


def _to_decide(refund_id: UUID, actor: Actor) -> tuple[Refund, Person]:
    person = _member_of_staff(actor)
    refund = Refund.objects.select_related("charge").filter(pk=refund_id).first()
    if refund is None:
        raise NotFound("There is no such refund.")
    if refund.requested_by_id == person.pk:
        raise Forbidden("You asked for this refund: another member of staff must decide it.")
    refund.charge = lock_charge(refund.charge.reference)
    return refund, person


def _check_left(charge: Charge, amount: Decimal) -> bool:
    """Whether a refund of a locked charge must wait for a second member of staff.

    Raises:
        InvalidInput: at ``amount``; less is left, once what others asked for is set aside.
    """
    staff = charge.refunds.filter(origin=RefundOrigin.STAFF).exclude(status=RefundStatus.REJECTED)
    sums = staff.aggregate(
        reserved=Sum("amount", filter=Q(status__in=OPEN), default=Decimal(0)),
        earlier=Sum("amount", default=Decimal(0)),
    )
    left = max(charge.amount - charge.refunded - sums["reserved"], Decimal(0))
    if amount > left:
        raise InvalidInput.field("amount", message=f"Only {show(left)} of it is left to refund.", code="max_value")
    return bool(sums["earlier"] + amount > settings.REFUND_FOUR_EYES_LIMIT)


def _insert(refund: Refund, actor: Actor) -> None:
    refund.save(force_insert=True)
    RefundEvent.objects.create(
        subject=refund, to_status=refund.status, actor=actor.label, reason=refund.reason, at=refund.created_at
    )


def _post(refund: Refund, actor: Actor, now: datetime) -> Entry:
    """Post the money of a refund whose charge is locked, and count it on the charge."""
    charge = refund.charge
    entry, _balance = post_one(
        line=Line(refund.amount, charge.reference, refund.reason),
        kind=EntryKind.REFUND,
        account_id=charge.account_id,
        counter=REVENUE,
        actor_label=actor.label,
        now=now,
        within_limit=False,
    )
    charge.refunded += refund.amount
    Charge.objects.filter(pk=charge.pk).update(refunded=charge.refunded)
    return entry


# Audited last: the trail's lock is the last one taken, everywhere.
def _audit_requested(refund: Refund, actor: Actor) -> None:
    now = refund.created_at
    after = {"charge": refund.charge.reference, "amount": str(refund.amount), "status": str(refund.status)}
    _audit(refund, "refund.request", actor, now, {}, after, refund.reason)
    if refund.entry_id:
        _audit_posted(refund, actor, now)


def _audit_posted(refund: Refund, actor: Actor, now: datetime) -> None:
    refunded = refund.charge.refunded
    before = {"refunded": str(refunded - refund.amount)}
    _audit(refund, "refund.post", actor, now, before, {"refunded": str(refunded)}, refund.reason)


def _audit(
    refund: Refund,
    action: str,
    actor: Actor,
    now: datetime,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="refund",
        target_id=str(refund.pk),
        organization_id=refund.charge.account.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
