from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ops_console.errors import Conflict, CreditExceeded, InvalidInput, NotFound
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Charge, Entry, Posting
from tests import ledgers
from tests.threads import in_threads

NOW = ledgers.NOW


@pytest.mark.django_db
def test_a_charge_moves_money_from_the_customer_to_the_house() -> None:
    account = ledgers.open_account()
    charge = ledgers.charge(account, "0.15")
    assert Charge.objects.get() == charge
    assert (charge.amount, charge.refunded, charge.account_id) == (Decimal("0.15"), Decimal(0), account.id)
    assert ledgers.balance(account.id) == Decimal("-0.15")
    assert ledgers.total("featherfan92") == Decimal("-0.15")
    assert ledgers.total("house:revenue") == Decimal("0.15")
    entry = Entry.objects.get()
    assert (entry.kind, entry.reference, entry.actor, entry.posted_at) == (
        "charge",
        "4prDjddvmLpDA2A2",
        "account:featherfan92",
        NOW,
    )


@pytest.mark.django_db
@pytest.mark.parametrize("n", [1, 200])
def test_charging_is_one_statement(n: int) -> None:
    account = ledgers.open_account()
    charges = [ledger.NewCharge(f"m{i}", Decimal("0.15")) for i in range(n)]
    with CaptureQueriesContext(connection) as queries:
        ledger.charge_many(account_id=account.id, charges=charges, actor_label="import", now=NOW)
    assert len(queries) == 1
    assert (Charge.objects.count(), Posting.objects.count()) == (n, 2 * n)
    assert ledgers.balance(account.id) == n * Decimal("-0.15")


@pytest.mark.django_db
def test_the_limit_may_be_reached_and_not_passed() -> None:
    account = ledgers.open_account(credit_limit="1.00")
    ledgers.charge(account, "1.00", "first")
    with pytest.raises(CreditExceeded, match=r"costs \$0.01; the account's balance is -\$1.00 .* at most \$1.00"):
        ledgers.charge(account, "0.01", "second")
    assert Charge.objects.count() == Entry.objects.count() == 1
    assert ledgers.balance(account.id) == -1


@pytest.mark.django_db
def test_a_refused_charge_leaves_the_callers_transaction_usable() -> None:
    account = ledgers.open_account(credit_limit="1.00")
    with transaction.atomic():
        with pytest.raises(CreditExceeded):
            ledgers.charge(account, "1.01", "too much")
        ledgers.charge(account, "0.99", "enough")
    assert list(Charge.objects.values_list("reference", flat=True)) == ["enough"]


@pytest.mark.django_db
def test_a_batch_is_charged_whole_or_not_at_all() -> None:
    account = ledgers.open_account(credit_limit="1.00")
    batch = [ledger.NewCharge(f"m{i}", Decimal("0.40")) for i in range(3)]
    with pytest.raises(CreditExceeded):
        ledger.charge_many(account_id=account.id, charges=batch, actor_label="import", now=NOW)
    assert ledgers.balance(account.id) == 0
    assert ledger.charge_many(account_id=account.id, charges=[], actor_label="import", now=NOW) == []
    made = ledger.charge_many(account_id=account.id, charges=batch[:2], actor_label="import", now=NOW)
    assert [charge.reference for charge in made] == ["m0", "m1"]
    assert ledgers.balance(account.id) == Decimal("-0.80")


@pytest.mark.django_db
def test_what_cannot_be_charged() -> None:
    account = ledgers.open_account()
    with pytest.raises(NotFound):
        ledger.charge(account_id=uuid4(), reference="m", amount=Decimal(1), actor_label="x", now=NOW)
    house = Account.objects.get(username="house:cash")
    with pytest.raises(NotFound):
        ledgers.charge(house, "1.00")
    with pytest.raises(InvalidInput):
        ledgers.charge(account, "0.00")
    ledgers.charge(account, "0.15")
    with pytest.raises(IntegrityError), transaction.atomic():
        ledgers.charge(account, "0.15")
    assert ledgers.balance(account.id) == Decimal("-0.15")


@pytest.mark.django_db
def test_missing_house_accounts_are_opened_on_demand() -> None:
    account = ledgers.open_account()
    Account.objects.house().delete()
    ledgers.charge(account, "0.15")
    assert ledgers.total("house:revenue") == Decimal("0.15")


def test_twenty_at_once_never_pass_the_limit(committed_db: None) -> None:
    account = ledgers.open_account(credit_limit="1.00")
    answers = in_threads(20, lambda i: ledgers.charge(account, "0.15", f"m{i}"))
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert [type(answer) for answer in refused] == [CreditExceeded] * 14
    assert ledgers.balance(account.id) == Decimal("-0.90")
    assert Charge.objects.count() == 6
    assert list(ledger.reconcile()) == []


def adjust(amount: str, reference: str = "4prDjddvmLpDA2A2") -> Charge:
    return ledger.adjust_charge(reference=reference, new_amount=Decimal(amount), actor_label="account:x", now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize(("new", "difference"), [("0.25", "-0.10"), ("0.10", "0.05"), ("0", "0.15")])
def test_an_adjustment_posts_the_difference(new: str, difference: str) -> None:
    account = ledgers.open_account()
    ledgers.charge(account, "0.15")
    assert adjust(new).amount == Charge.objects.get().amount == Decimal(new)
    entry = Entry.objects.get(kind="adjustment")
    assert entry.reference == "4prDjddvmLpDA2A2"
    assert entry.postings.get(account=account).amount == Decimal(difference)
    assert ledgers.balance(account.id) == -Decimal(new)
    assert list(ledger.reconcile()) == []


@pytest.mark.django_db
def test_no_difference_posts_nothing() -> None:
    ledgers.charge(ledgers.open_account(), "0.15")
    adjust("0.15")
    assert Entry.objects.count() == 1


@pytest.mark.django_db
def test_an_adjustment_stays_above_what_is_refunded_and_within_the_limit() -> None:
    account = ledgers.open_account(credit_limit="1.00")
    ledgers.charge(account, "0.50")
    who = ledgers.refunder("nellie@example.com")
    ledger.request_refund(reference="4prDjddvmLpDA2A2", amount=Decimal("0.20"), reason="Late", actor=who, now=NOW)
    with pytest.raises(Conflict, match=r"\$0.20 of it is already refunded"):
        adjust("0.19")
    with pytest.raises(CreditExceeded):
        adjust("1.21")
    with pytest.raises(NotFound):
        adjust("0.30", "unknown")
    assert ledgers.balance(account.id) == Decimal("-0.30")
    adjust("0.20")
    assert Charge.objects.get().is_fully_refunded
    assert list(ledger.reconcile()) == []


@pytest.mark.django_db
def test_a_decrease_is_posted_even_past_the_limit() -> None:
    account = ledgers.open_account(credit_limit="1.00")
    ledgers.charge(account, "1.00")
    Account.objects.filter(pk=account.pk).update(credit_limit=0)
    adjust("0.60")
    assert ledgers.balance(account.id) == Decimal("-0.60")


@pytest.mark.django_db
@pytest.mark.parametrize(("limit", "n"), [("0.30", 2), ("0.44", 2), ("0.45", 3), ("9.00", 3), ("0.00", 0)])
def test_as_many_are_charged_as_the_limit_allows(limit: str, n: int) -> None:
    account = ledgers.open_account(credit_limit=limit)
    wanted = [ledger.NewCharge(f"msg{number}", Decimal("0.15")) for number in range(3)]
    made = ledger.charge_affordable(account_id=account.id, charges=wanted, actor_label="system", now=NOW)
    assert [charge.reference for charge in made] == [new.reference for new in wanted[:n]]
    assert ledgers.balance(account.id) == -n * Decimal("0.15")
    assert list(ledger.reconcile()) == []


def test_as_many_are_charged_as_the_limit_allows_at_once(committed_db: None) -> None:
    account = ledgers.open_account(credit_limit="1.00")

    def charge_three(turn: int) -> int:
        wanted = [ledger.NewCharge(f"msg{turn}-{number}", Decimal("0.15")) for number in range(3)]
        return len(ledger.charge_affordable(account_id=account.id, charges=wanted, actor_label="system", now=NOW))

    answers = in_threads(4, charge_three)
    assert sum(n for n in answers if isinstance(n, int)) == 6
    assert ledgers.balance(account.id) == Decimal("-0.90")
