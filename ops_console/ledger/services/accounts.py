"""Customers' accounts: opening them, their limit, payments and corrections."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput, NotFound
from ops_console.ledger.models import USERNAME, Account, Entry, EntryKind
from ops_console.ledger.services.amounts import LARGEST, check_amount, check_reason, check_text
from ops_console.ledger.services.journal import ADJUSTMENTS, CASH, Line, post_one
from ops_console.organizations.models import Organization
from ops_console.regions import Region

TAKEN = FieldError(("account",), "This account name is taken.", "taken")


def open_account(
    *,
    organization_id: UUID,
    username: str,
    region: str,
    actor: Actor,
    now: datetime,
    credit_limit: Decimal | None = None,
) -> Account:
    """Open a customer's account; without a credit limit it gets the installation's.

    The first of an organization is its default.

    Raises:
        Forbidden: the actor may not open accounts.
        InvalidInput: at ``account``, ``region`` or ``credit_limit``.
        NotFound: there is no such organization.
    """
    policy.require(actor, "accounts", "create")
    limit = check_limit(settings.DEFAULT_CREDIT_LIMIT if credit_limit is None else credit_limit)
    errors = _faults(username, region)
    if errors:
        raise InvalidInput(errors)
    account = Account(
        organization_id=organization_id, username=username, region=region, credit_limit=limit, created_at=now
    )
    with transaction.atomic():
        _lock_organization(organization_id)
        account.is_default = Account.objects.default_of(organization_id) is None
        _insert(account)
        after = {"account": username, "region": region, "credit_limit": str(limit)}
        _record(account, "account.open", actor, now, after=after)
    return account


def set_credit_limit(*, account_id: UUID, credit_limit: Decimal, actor: Actor, now: datetime) -> Account:
    """Change what the account may owe; one below what it owes already stops new charges only.

    Raises:
        Forbidden: the actor may not set limits.
        InvalidInput: at ``credit_limit``.
        NotFound: there is no such customer.
    """
    policy.require(actor, "accounts", "set_limit")
    limit = check_limit(credit_limit)
    with transaction.atomic():
        account = _customer(account_id, lock=True)
        before = {"credit_limit": str(account.credit_limit)}
        Account.objects.filter(pk=account.pk).update(credit_limit=limit)
        account.credit_limit = limit
        _record(account, "account.set_limit", actor, now, before=before, after={"credit_limit": str(limit)})
    return account


def set_default_account(*, account_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Account:
    """Make an account the one its organization is billed on where nothing names another.

    Raises:
        Forbidden: the actor may not choose it.
        InvalidInput: at ``reason``.
        NotFound: the actor has no such customer's account.
    """
    policy.require(actor, "accounts", "set_default")
    reason = check_reason(reason, required=False)
    with transaction.atomic():
        account = Account.objects.visible_to(actor).customers().filter(pk=account_id).first()
        if account is None or account.organization_id is None:
            raise NotFound("There is no such account.")
        _lock_organization(account.organization_id)
        before = Account.objects.default_of(account.organization_id)
        if before != account:
            if before is not None:
                Account.objects.filter(pk=before.pk).update(is_default=False)
            Account.objects.filter(pk=account.pk).update(is_default=True)
            told = {"default_account": before.username} if before else {}
            after = {"default_account": account.username}
            _record(account, "account.set_default", actor, now, before=told, after=after, reason=reason)
    account.is_default = True
    return account


def pay(
    *, account_id: UUID, amount: Decimal, actor: Actor, now: datetime, reference: str = "", memo: str = ""
) -> Entry:
    """Record a payment received; ``reference`` is the payment's own number.

    Raises:
        Forbidden: the actor may not record payments.
        InvalidInput: at ``amount``, ``reference`` or ``memo``.
        NotFound: there is no such customer.
    """
    policy.require(actor, "accounts", "pay")
    reference = check_text(reference, "reference", longest=40)
    line = Line(check_amount(amount, "amount"), reference, check_text(memo, "memo", longest=200))
    return _post_by_staff(account_id, EntryKind.PAYMENT, CASH, line, "account.pay", actor, now)


def adjust(*, account_id: UUID, amount: Decimal, reason: str, actor: Actor, now: datetime) -> Entry:
    """Correct a balance: above zero in the customer's favour, below zero against it, past the limit too.

    Raises:
        Forbidden: the actor may not adjust accounts.
        InvalidInput: at ``amount`` or ``reason``.
        NotFound: there is no such customer.
    """
    policy.require(actor, "accounts", "adjust")
    amount = check_amount(amount, "amount", least=-LARGEST)
    if not amount:
        raise InvalidInput.field("amount", message="Nothing would change.", code="zero")
    line = Line(amount, memo=check_reason(reason))
    return _post_by_staff(account_id, EntryKind.ADJUSTMENT, ADJUSTMENTS, line, "account.adjust", actor, now)


def check_limit(credit_limit: Decimal) -> Decimal:
    return check_amount(credit_limit, "credit_limit", least=Decimal(0))


def _faults(username: str, region: str) -> list[FieldError]:
    errors = []
    if not re.fullmatch(USERNAME, username) or username.endswith("\n"):
        message = "An account name is 3 to 32 of a-z, 0-9, '-' and '_', and starts with a letter or digit."
        errors.append(FieldError(("account",), message))
    elif Account.objects.filter(username=username).exists():
        errors.append(TAKEN)
    if region not in Region.values:
        errors.append(FieldError(("region",), f"There is no such region; one is {Region.US_SW}.", "invalid_choice"))
    return errors


def _lock_organization(organization_id: UUID) -> None:
    """Wait for whoever else opens its accounts or chooses among them."""
    if not Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).exists():
        raise NotFound("There is no such organization.")


def _insert(account: Account) -> None:
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError:
        # Somebody else was faster; anything else is a bug.
        if not Account.objects.filter(username=account.username).exists():
            raise
        raise InvalidInput([TAKEN]) from None


def _post_by_staff(
    account_id: UUID, kind: EntryKind, counter: str, line: Line, action: str, actor: Actor, now: datetime
) -> Entry:
    with transaction.atomic():
        account = _customer(account_id)
        entry, balance = post_one(
            line=line,
            kind=kind,
            account_id=account_id,
            counter=counter,
            actor_label=actor.label,
            now=now,
            within_limit=False,
        )
        before = {"balance": str(balance - line.amount)}
        after = {"balance": str(balance), "entry": str(entry.pk), "reference": line.reference}
        _record(account, action, actor, now, before=before, after=after, reason=line.memo)
    return entry


def _customer(account_id: UUID, *, lock: bool = False) -> Account:
    accounts = Account.objects.customers()
    if lock:
        accounts = accounts.select_for_update(no_key=True)
    account = accounts.filter(pk=account_id).first()
    if account is None:
        raise NotFound("There is no such account.")
    return account


def _record(
    account: Account,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    before: dict[str, str] | None = None,
    after: dict[str, str],
    reason: str = "",
) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="account",
        target_id=account.username,
        organization_id=account.organization_id,
        before=before or {},
        after=after,
        reason=reason,
        at=now,
    )
