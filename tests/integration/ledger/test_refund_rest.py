from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.ledger import services as ledger
from ops_console.ledger.models import Charge, Entry, Refund, RefundEvent
from tests import ledgers
from tests.threads import in_threads

NOW = ledgers.NOW


def refund_rest(*references: str) -> dict[str, Decimal]:
    return ledger.refund_rest(references=references, reason="Cancelled", actor_label="account:x", now=NOW)


@pytest.mark.django_db
def test_what_is_left_comes_back_at_once() -> None:
    account = ledgers.open_account()
    who = ledgers.refunder("nellie@example.com")
    ledgers.charge(account, "0.50", "one")
    ledgers.charge(account, "0.15", "two")
    ledger.request_refund(reference="one", amount=Decimal("0.20"), reason="Late", actor=who, now=NOW)
    assert refund_rest("one", "two") == {"one": Decimal("0.30"), "two": Decimal("0.15")}
    assert all(charge.is_fully_refunded for charge in Charge.objects.all())
    assert ledgers.balance(account.id) == 0
    refund = Refund.objects.get(charge__reference="two")
    assert (refund.origin, refund.status, refund.reason, refund.created_at, refund.decided_at) == (
        "system",
        "posted",
        "Cancelled",
        NOW,
        NOW,
    )
    assert refund.entry == Entry.objects.get(kind="refund", reference="two")
    event = RefundEvent.objects.get(subject=refund)
    assert (event.from_status, event.to_status, event.actor) == ("", "posted", "account:x")
    assert list(ledger.reconcile()) == []


@pytest.mark.django_db
def test_nothing_comes_back_twice() -> None:
    account = ledgers.open_account()
    ledgers.charge(account, "0.15", "one")
    assert refund_rest("one", "one") == {"one": Decimal("0.15")}
    assert refund_rest("one", "unknown") == {"one": 0, "unknown": 0}
    assert refund_rest() == {}
    assert Refund.objects.count() == 1
    assert ledgers.balance(account.id) == 0


@pytest.mark.django_db
def test_requests_that_wait_are_rejected_as_nothing_is_left() -> None:
    account = ledgers.open_account()
    who = ledgers.refunder("nellie@example.com")
    ledgers.charge(account, "20.00", "one")
    waiting = ledger.request_refund(reference="one", amount=Decimal("8.00"), reason="Late", actor=who, now=NOW)
    assert refund_rest("one") == {"one": Decimal("20.00")}
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_at) == ("rejected", NOW)
    assert waiting.events.latest("id").reason == "All that was left has been refunded."
    assert list(ledger.reconcile()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("n", [1, 60])
def test_a_batch_is_two_statements(n: int) -> None:
    accounts = [ledgers.open_account(f"fan{i}") for i in range(3)]
    references = [ledgers.charge(accounts[i % 3], "0.15", f"m{i}").reference for i in range(n)]
    with CaptureQueriesContext(connection) as queries:
        assert len(refund_rest(*references)) == n
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 2
    assert [ledgers.balance(account.id) for account in accounts] == [0, 0, 0]
    assert list(ledger.reconcile()) == []


def test_batches_in_opposite_orders_do_not_deadlock(committed_db: None) -> None:
    accounts = [ledgers.open_account(f"fan{i}", "1000.00") for i in range(8)]
    references = [ledgers.charge(accounts[i % 8], "0.15", f"m{i}").reference for i in range(200)]
    orders = [references, references[::-1], references[::3] + references[1::3], references[100:] + references[:100]]

    def run(i: int) -> Decimal:
        return sum(refund_rest(*orders[i % 4]).values(), Decimal(0))

    answers = in_threads(12, run)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert sum(answers) == Decimal("30.00")  # type: ignore[arg-type]
    assert Refund.objects.count() == 200
    assert [ledgers.balance(account.id) for account in accounts] == [0] * 8
    assert list(ledger.reconcile()) == []


def test_batches_of_other_charges_on_the_same_accounts_do_not_deadlock(committed_db: None) -> None:
    accounts = [ledgers.open_account(f"fan{i}", "1000.00") for i in range(40)]
    batches = [[ledgers.charge(account, "0.15", f"b{b}{account}").reference for account in accounts] for b in range(8)]
    answers = in_threads(8, lambda b: refund_rest(*batches[b][:: -1 if b % 2 else 1]))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert {ledgers.balance(account.id) for account in accounts} == {Decimal(0)}
    assert list(ledger.reconcile()) == []


def test_cancel_and_staff_at_once_give_back_exactly_what_was_charged(committed_db: None) -> None:
    account = ledgers.open_account()
    people = [ledgers.refunder(f"p{i}@example.com") for i in range(10)]
    ledgers.charge(account, "4.00", "one")

    def run(i: int) -> object:
        if i == 5:
            return refund_rest("one")
        return ledger.request_refund(reference="one", amount=Decimal("0.30"), reason="Late", actor=people[i], now=NOW)

    in_threads(10, run)
    charge = Charge.objects.get()
    assert charge.refunded == charge.amount == Decimal("4.00")
    assert ledgers.balance(account.id) == 0
    assert list(ledger.reconcile()) == []
