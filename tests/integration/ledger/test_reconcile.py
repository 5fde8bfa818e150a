from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ops_console.access.actors import SYSTEM
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Posting, Refund
from tests import ledgers

pytestmark = pytest.mark.django_db
NOW = ledgers.NOW


@pytest.fixture
def account() -> Account:
    """An account with one of everything."""
    account = ledgers.open_account()
    ledgers.charge(account, "20.00", "one")
    ledgers.charge(account, "0.15", "two")
    ledger.adjust_charge(reference="two", new_amount=Decimal("0.25"), actor_label="x", now=NOW)
    ledger.tip(account_id=account.id, courier_code="CPL593H", actor_label="x", now=NOW)
    nellie, otto = ledgers.refunder("nellie@example.com"), ledgers.refunder("otto@example.com")
    for amount in ("1.00", "8.00"):
        ledger.request_refund(reference="one", amount=Decimal(amount), reason="Wet", actor=nellie, now=NOW)
    ledger.approve_refund(refund_id=Refund.objects.waiting().get().id, actor=otto, now=NOW)
    ledger.refund_rest(references=["two"], reason="Cancelled", actor_label="x", now=NOW)
    ledger.pay(account_id=account.id, amount=Decimal("3.00"), actor=SYSTEM, now=NOW, reference="one")
    ledger.adjust(account_id=account.id, amount=Decimal("-0.10"), reason="Fee", actor=SYSTEM, now=NOW)
    return account


@contextmanager
def triggers_asleep() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("SET session_replication_role = origin")


def tamper(statement: str) -> list[str]:
    """Run SQL behind the ledger's back and return what reconcile says."""
    with triggers_asleep(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1
    return [str(difference) for difference in ledger.reconcile()]


def test_a_ledger_with_one_of_everything_reconciles(account: Account) -> None:
    assert list(ledger.reconcile()) == []
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert out.getvalue().splitlines() == [
        "house:adjustments 0.10",
        "house:cash -3.00",
        "house:revenue 11.00",
        "The ledger reconciles: 5 accounts, 9 entries, 2 charges.",
    ]


def test_an_empty_ledger_reconciles() -> None:
    assert list(ledger.reconcile()) == []


def test_a_changed_balance_is_found(account: Account) -> None:
    assert tamper("UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'customer'") == [
        "balance of featherfan92: expected -8.15, found -7.15"
    ]


def test_a_changed_courier_balance_is_found(account: Account) -> None:
    assert tamper("UPDATE ledger_account SET balance = 0.10 WHERE kind = 'courier'") == [
        "balance of courier:CPL593H: expected 0.05, found 0.10"
    ]


def test_a_removed_posting_is_found_by_balance_entry_and_total(account: Account) -> None:
    posting = Posting.objects.get(account=account, entry__kind="tip")
    assert tamper(f"DELETE FROM ledger_posting WHERE id = {posting.id}") == [
        "balance of featherfan92: expected -8.10, found -8.15",
        f"postings of entry {posting.entry_id}: expected 0, found 0.05",
        "sum of all postings: expected 0, found 0.05",
    ]


def test_an_entry_without_postings_is_found(account: Account) -> None:
    entry_id = uuid4()
    statement = f"INSERT INTO ledger_entry VALUES ('{entry_id}', 'tip', '', '', 'x', now())"
    assert tamper(statement) == [f"postings of entry {entry_id}: expected 0, found nothing"]


def test_a_changed_charge_is_found(account: Account) -> None:
    assert tamper("UPDATE ledger_charge SET amount = 25 WHERE reference = 'one'") == [
        "charge of one: expected 20.00, found 25.00"
    ]


def test_a_changed_count_of_refunds_is_found(account: Account) -> None:
    assert tamper("UPDATE ledger_charge SET refunded = 8 WHERE reference = 'one'") == [
        "refunds counted on the charge of one: expected 9.00, found 8.00"
    ]


def test_a_changed_refund_is_found(account: Account) -> None:
    assert tamper("UPDATE ledger_refund SET amount = 2 WHERE amount = 1") == [
        "posted refunds of one: expected 9.00, found 10.00"
    ]


def test_a_removed_charge_is_found(account: Account) -> None:
    charge = ledgers.charge(account, "0.30", "three")
    assert tamper(f"DELETE FROM ledger_charge WHERE id = '{charge.id}'") == [
        "charge of three: expected 0.30, found nothing",
        "refunds counted on the charge of three: expected 0, found nothing",
    ]


def test_the_command_prints_the_differences_and_fails(account: Account) -> None:
    with triggers_asleep(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_account SET balance = 0 WHERE kind = 'customer'")
    out = StringIO()
    with pytest.raises(CommandError, match="does not reconcile: 1 difference") as failed:
        call_command("reconcile", stdout=out)
    assert failed.value.returncode == 1
    assert out.getvalue() == "balance of featherfan92: expected -8.15, found 0.00\n"
