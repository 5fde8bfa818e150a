"""Posting entries: the one statement that moves a customer's balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection
from uuid6 import uuid7

from ops_console.errors import Conflict, CreditExceeded, DomainError, NotFound
from ops_console.ledger.models import Account, AccountKind, Entry, EntryKind
from ops_console.ledger.services.amounts import LARGEST_BALANCE, show

REVENUE = "house:revenue"
CASH = "house:cash"
ADJUSTMENTS = "house:adjustments"


@dataclass(frozen=True)
class Line:
    """One entry to post: ``amount`` is what the customer's balance moves by. With ``charge_id`` it opens a charge."""

    amount: Decimal
    reference: str = ""
    memo: str = ""
    charge_id: UUID | None = None
    entry_id: UUID = field(default_factory=uuid7)


POST = (Path(__file__).parent.parent / "queries" / "post.sql").read_text()


def post(
    *,
    kind: EntryKind,
    account_id: UUID,
    counter: str,
    lines: Sequence[Line],
    actor_label: str,
    now: datetime,
    within_limit: bool,
) -> Decimal:
    """Post entries between a customer's account and ``counter``, and return the customer's new balance.

    All or nothing, and one statement, whatever the number of lines. A counter account never used before is opened.

    Raises:
        Conflict: the balance would become larger than one can be.
        CreditExceeded: ``within_limit``, and the account would owe more than it may.
        NotFound: there is no such customer.
    """
    total = sum((line.amount for line in lines), Decimal(0))
    values = {
        "entries": [line.entry_id for line in lines],
        "references": [line.reference for line in lines],
        "memos": [line.memo for line in lines],
        "amounts": [line.amount for line in lines],
        "charges": [line.charge_id for line in lines],
        "counter": counter,
        "account": account_id,
        "total": total,
        "within_limit": within_limit,
        "largest": LARGEST_BALANCE,
        "kind": kind.value,
        "actor": actor_label,
        "now": now,
    }
    balance = _run(values)
    if balance is None:
        # Perhaps only for want of the counter account, which somebody else may have opened meanwhile.
        _open_missing(counter)
        balance = _run(values)
    if balance is None:
        raise _refusal(account_id, total, within_limit=within_limit)
    return balance


def post_one(*, line: Line, **entry: Any) -> tuple[Entry, Decimal]:
    """Post one line, as ``post`` does, and return its entry and the customer's new balance."""
    balance = post(lines=[line], **entry)
    written = Entry(
        id=line.entry_id,
        kind=entry["kind"],
        reference=line.reference,
        memo=line.memo,
        actor=entry["actor_label"],
        posted_at=entry["now"],
    )
    return written, balance


def _run(values: dict[str, Any]) -> Decimal | None:
    with connection.cursor() as cursor:
        cursor.execute(POST, values)
        row = cursor.fetchone()
    return row[0] if row else None


def _open_missing(counter: str) -> None:
    """Open the house's or a courier's account unless it is there."""
    if not Account.objects.filter(username=counter).exists():
        kind = AccountKind(counter.partition(":")[0])
        Account.objects.bulk_create([Account(kind=kind, username=counter)], ignore_conflicts=True)


def _refusal(account_id: UUID, total: Decimal, *, within_limit: bool) -> DomainError:
    account = Account.objects.customers().filter(pk=account_id).first()
    if account is None:
        return NotFound("There is no such account.")
    if not within_limit:
        return Conflict(f"The balance is {show(account.balance)}, and can be {show(LARGEST_BALANCE)} at most.")
    return CreditExceeded(
        f"This costs {show(-total)}; the account's balance is {show(account.balance)} "
        f"and it may owe at most {show(account.credit_limit)}."
    )
