"""The database itself refuses a journal that is changed or does not balance."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.errors import CheckViolation

from ops_console.ledger.models import Account, Entry, EntryKind, Posting
from tests import ledgers

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_posting"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET id = id", "DELETE FROM {}", "DELETE FROM {} WHERE false", "TRUNCATE {} CASCADE"],
)
def test_the_journal_is_insert_only(table: str, statement: str) -> None:
    ledgers.charge(ledgers.open_account(), "0.15")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic():
            cursor.execute(statement.format(table))
    assert (Entry.objects.count(), Posting.objects.count()) == (1, 2)


def entry() -> Entry:
    return Entry.objects.create(kind=EntryKind.CHARGE, actor="test", posted_at=ledgers.NOW)


def insert(*postings: tuple[UUID, UUID, str]) -> None:
    rows = ", ".join(f"('{entry_id}', '{account_id}', {amount})" for entry_id, account_id, amount in postings)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO ledger_posting (entry_id, account_id, amount) VALUES {rows}")


def test_postings_that_do_not_sum_to_zero_are_refused() -> None:
    a, b = ledgers.open_account("feather").id, Account.objects.get(username="house:revenue").id
    entry_id = entry().id
    with pytest.raises(IntegrityError, match=f"postings of entry {entry_id} sum to -0.01"), transaction.atomic():
        insert((entry_id, a, "-0.15"), (entry_id, b, "0.14"))
    with pytest.raises(IntegrityError, match="not to zero"), transaction.atomic():
        insert((entry_id, a, "-0.15"))
    insert((entry_id, a, "-0.15"), (entry_id, b, "0.15"))
    assert Posting.objects.count() == 2


def test_each_entry_of_a_statement_must_balance_by_itself() -> None:
    a, b = ledgers.open_account("feather").id, Account.objects.get(username="house:revenue").id
    one, two = entry().id, entry().id
    with pytest.raises(IntegrityError, match="not to zero"), transaction.atomic():
        insert((one, a, "-1"), (one, b, "2"), (two, a, "1"), (two, b, "-2"))


def copy_in(entry_id: UUID, account_id: UUID, amount: str) -> None:
    columns = "ledger_posting (entry_id, account_id, amount)"
    with connection.cursor() as cursor, cursor.copy(f"COPY {columns} FROM STDIN") as copy:
        copy.write_row((entry_id, account_id, amount))


def test_copy_is_held_to_it_too() -> None:
    account_id, entry_id = ledgers.open_account().id, entry().id
    with pytest.raises(CheckViolation, match="not to zero"), transaction.atomic():
        copy_in(entry_id, account_id, "5.00")


def test_a_posting_of_zero_or_twice_on_an_account_is_refused() -> None:
    a, b = ledgers.open_account("feather").id, Account.objects.get(username="house:revenue").id
    entry_id = entry().id
    with pytest.raises(IntegrityError, match="posting_not_zero"), transaction.atomic():
        insert((entry_id, a, "0"))
    with pytest.raises(IntegrityError, match="posting_entry_account"), transaction.atomic():
        insert((entry_id, a, "1"), (entry_id, a, "1"), (entry_id, b, "-2"))


def test_a_charge_is_never_refunded_past_its_amount() -> None:
    ledgers.charge(ledgers.open_account(), "0.15")
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="never_over_refunded"):
        cursor.execute("UPDATE ledger_charge SET refunded = 0.16")


@pytest.mark.parametrize("username", ["ab", "Feather", "-ab", "a:b", "a b c", "x" * 33, "abc\n"])
def test_a_customer_has_a_plain_name(username: str) -> None:
    account = ledgers.open_account()
    with pytest.raises(IntegrityError, match="account_username"), transaction.atomic():
        Account.objects.filter(pk=account.pk).update(username=username)


def test_only_customers_have_a_plain_name() -> None:
    with pytest.raises(IntegrityError, match="account_username"):
        Account.objects.create(id=uuid4(), kind="courier", username="cpl593h")
