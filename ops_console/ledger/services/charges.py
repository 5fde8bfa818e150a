"""What customers pay for: charges, their adjustments, and tips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from uuid6 import uuid7

from ops_console.errors import Conflict, NotFound
from ops_console.ledger.models import Account, Charge, Entry, EntryKind
from ops_console.ledger.services.amounts import check_amount, show
from ops_console.ledger.services.journal import ADJUSTMENTS, REVENUE, Line, post, post_one

TIP = Decimal("0.05")


@dataclass(frozen=True)
class NewCharge:
    """``reference`` is what is paid for, such as a msgId; unique among all charges."""

    reference: str
    amount: Decimal
    memo: str = ""


def charge(
    *, account_id: UUID, reference: str, amount: Decimal, actor_label: str, now: datetime, memo: str = ""
) -> Charge:
    """Bill the account for one thing, in one statement.

    Raises:
        CreditExceeded: the account would owe more than it may.
        InvalidInput: the amount is not positive or has more than two places.
        NotFound: there is no such customer.
    """
    new = NewCharge(reference, amount, memo)
    return charge_many(account_id=account_id, charges=[new], actor_label=actor_label, now=now)[0]


def charge_many(*, account_id: UUID, charges: Sequence[NewCharge], actor_label: str, now: datetime) -> list[Charge]:
    """Bill the account for many things, all or none, in one statement and under one lock; raises as ``charge``."""
    if not charges:
        return []
    made = [
        Charge(id=uuid7(), account_id=account_id, reference=new.reference, amount=check_amount(new.amount, "amount"))
        for new in charges
    ]
    lines = [
        Line(-charge.amount, charge.reference, new.memo, charge_id=charge.id)
        for charge, new in zip(made, charges, strict=True)
    ]
    post(
        kind=EntryKind.CHARGE,
        account_id=account_id,
        counter=REVENUE,
        lines=lines,
        actor_label=actor_label,
        now=now,
        within_limit=True,
    )
    return made


@transaction.atomic
def charge_affordable(
    *, account_id: UUID, charges: Sequence[NewCharge], actor_label: str, now: datetime
) -> list[Charge]:
    """Bill the account for the first of many things, as far as its limit goes; return those billed.

    Two statements, under one lock.

    Raises:
        InvalidInput: as ``charge``.
        NotFound: there is no such customer.
    """
    account = Account.objects.customers().select_for_update(no_key=True).filter(pk=account_id).first()
    if account is None:
        raise NotFound("There is no such account.")
    room = account.balance + account.credit_limit
    affordable = []
    for new in charges:
        room -= new.amount
        if room < 0:
            break
        affordable.append(new)
    return charge_many(account_id=account_id, charges=affordable, actor_label=actor_label, now=now)


@transaction.atomic
def adjust_charge(*, reference: str, new_amount: Decimal, actor_label: str, now: datetime, memo: str = "") -> Charge:
    """Bring a charge to a new amount and post the difference; without one nothing is posted.

    Locks the charge, then the account.

    Raises:
        Conflict: more than the new amount is already refunded.
        CreditExceeded: the account would owe more than it may.
        InvalidInput: the amount is below zero or has more than two places.
        NotFound: nothing was charged for that reference.
    """
    amount = check_amount(new_amount, "amount", least=Decimal(0))
    charge = lock_charge(reference)
    difference = amount - charge.amount
    if amount < charge.refunded:
        raise Conflict(f"{show(charge.refunded)} of it is already refunded: it cannot cost {show(amount)}.")
    if difference:
        post_one(
            line=Line(-difference, reference, memo),
            kind=EntryKind.ADJUSTMENT,
            account_id=charge.account_id,
            counter=REVENUE,
            actor_label=actor_label,
            now=now,
            within_limit=difference > 0,
        )
        Charge.objects.filter(pk=charge.pk).update(amount=amount)
        charge.amount = amount
    return charge


def tip(*, account_id: UUID, courier_code: str, actor_label: str, now: datetime, amount: Decimal = TIP) -> Entry:
    """Bill the account for a tip and owe it to the courier, whose payable account the first tip opens.

    Whether there is such a courier is the caller's to know.

    Raises:
        CreditExceeded: the account would owe more than it may.
        NotFound: there is no such customer.
    """
    entry, _balance = post_one(
        line=Line(-check_amount(amount, "amount"), courier_code),
        kind=EntryKind.TIP,
        account_id=account_id,
        counter=f"courier:{courier_code}",
        actor_label=actor_label,
        now=now,
        within_limit=True,
    )
    return entry


def pay_insurance(*, account_id: UUID, reference: str, amount: Decimal, actor_label: str, now: datetime) -> Entry:
    """Pay the insured value of what was lost to the account, as a payment under ``insurance:<reference>``.

    Raises:
        InvalidInput: the amount is not positive or has more than two places.
        NotFound: there is no such customer.
    """
    entry, _balance = post_one(
        line=Line(check_amount(amount, "amount"), f"insurance:{reference}", "Insured value of what was lost."),
        kind=EntryKind.PAYMENT,
        account_id=account_id,
        counter=ADJUSTMENTS,
        actor_label=actor_label,
        now=now,
        within_limit=False,
    )
    return entry


def lock_charge(reference: str) -> Charge:
    """The charge with its account, the charge's row locked until the transaction ends.

    Raises:
        NotFound: nothing was charged for that reference.
    """
    charges = Charge.objects.select_related("account").select_for_update(of=("self",), no_key=True)
    charge = charges.filter(reference=reference).first()
    if charge is None:
        raise NotFound("Nothing was charged for that.")
    return charge
