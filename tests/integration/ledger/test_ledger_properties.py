"""Whatever happens, in whatever order: the ledger agrees with a model of ten lines per verb, and with itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_console.access.actors import SYSTEM
from ops_console.errors import Conflict, CreditExceeded, DomainError, InvalidInput, InvalidTransition
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Charge
from tests import ledgers

NOW = ledgers.NOW
LIMIT = Decimal("20.00")
FOUR_EYES = Decimal("5.00")


@dataclass
class ModelCharge:
    account: int
    amount: Decimal
    refunded: Decimal = Decimal(0)


@dataclass
class ModelRefund:
    charge: int
    amount: Decimal
    status: str


@dataclass
class Model:
    """What should happen; each verb returns the error expected, or None."""

    balances: list[Decimal] = field(default_factory=lambda: [Decimal(0), Decimal(0)])
    tips: Decimal = Decimal(0)
    charges: list[ModelCharge] = field(default_factory=list)
    refunds: list[ModelRefund] = field(default_factory=list)

    def bill(self, account: int, amount: Decimal) -> type[DomainError] | None:
        if self.balances[account] - amount < -LIMIT:
            return CreditExceeded
        self.balances[account] -= amount
        return None

    def charge(self, account: int, amount: Decimal) -> type[DomainError] | None:
        error = self.bill(account, amount)
        if error is None:
            self.charges.append(ModelCharge(account, amount))
        return error

    def tip(self, account: int) -> type[DomainError] | None:
        error = self.bill(account, Decimal("0.05"))
        self.tips += Decimal(0) if error else Decimal("0.05")
        return error

    def adjust(self, charge: int, amount: Decimal) -> type[DomainError] | None:
        it = self.charges[charge]
        if amount < it.refunded:
            return Conflict
        if amount > it.amount:
            error = self.bill(it.account, amount - it.amount)
            if error:
                return error
        else:
            self.balances[it.account] += it.amount - amount
        it.amount = amount
        return None

    def give_back(self, charge: int, amount: Decimal) -> None:
        self.charges[charge].refunded += amount
        self.balances[self.charges[charge].account] += amount

    def request(self, charge: int, amount: Decimal) -> type[DomainError] | None:
        staff = [refund for refund in self.refunds if refund.charge == charge and refund.status != "rejected"]
        reserved = sum(refund.amount for refund in staff if refund.status == "requested")
        if amount > self.charges[charge].amount - self.charges[charge].refunded - reserved:
            return InvalidInput
        waits = sum(refund.amount for refund in staff) + amount > FOUR_EYES
        self.refunds.append(ModelRefund(charge, amount, "requested" if waits else "posted"))
        if not waits:
            self.give_back(charge, amount)
        return None

    def approve(self, refund: int) -> type[DomainError] | None:
        it = self.refunds[refund]
        if it.status != "requested":
            return InvalidTransition
        if it.amount > self.charges[it.charge].amount - self.charges[it.charge].refunded:
            return Conflict
        it.status = "posted"
        self.give_back(it.charge, it.amount)
        return None

    def reject(self, refund: int) -> type[DomainError] | None:
        it = self.refunds[refund]
        if it.status != "requested":
            return InvalidTransition
        it.status = "rejected"
        return None

    def refund_rest(self, charges: set[int]) -> None:
        for charge in charges:
            self.give_back(charge, self.charges[charge].amount - self.charges[charge].refunded)
            for refund in self.refunds:
                if refund.charge == charge and refund.status == "requested":
                    refund.status = "rejected"


cents = st.integers(1, 1200).map(lambda n: Decimal(n) / 100)
number = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("charge"), number, cents),
    st.tuples(st.just("adjust"), number, st.integers(0, 1200).map(lambda n: Decimal(n) / 100)),
    st.tuples(st.just("tip"), number),
    st.tuples(st.just("request"), number, cents),
    st.tuples(st.just("approve"), number),
    st.tuples(st.just("reject"), number),
    st.tuples(st.just("refund_rest"), st.sets(number, min_size=1, max_size=3)),
    st.tuples(st.just("pay"), number, cents),
    st.tuples(st.just("correct"), number, cents.map(lambda amount: amount - 6)),
)


class Run:
    """The same verbs on the real ledger, and the check that both do the same."""

    def __init__(self) -> None:
        self.model = Model()
        self.accounts = [ledgers.open_account(f"fan{i}", str(LIMIT)) for i in range(2)]
        self.nellie, self.otto = ledgers.refunder("nellie@example.com"), ledgers.refunder("otto@example.com")
        self.refund_ids: list[Any] = []

    def step(self, verb: str, number: Any, *amount: Decimal) -> None:
        on = {"charge": self.accounts, "tip": self.accounts, "pay": self.accounts, "correct": self.accounts}
        things: list[Any] = on.get(verb, self.refund_ids if verb in ("approve", "reject") else self.model.charges)
        if not things or (amount == (Decimal(0),) and verb == "correct"):
            return
        number = {n % len(things) for n in number} if isinstance(number, set) else number % len(things)
        getattr(self, verb)(number, *amount)

    def same(self, expected: type[DomainError] | None, service: Any, **fields: Any) -> Any:
        if expected is None:
            return service(**fields, now=NOW)
        with pytest.raises(expected):
            service(**fields, now=NOW)
        return None

    def charge(self, account: int, amount: Decimal) -> None:
        reference = f"m{len(self.model.charges)}"
        expected = self.model.charge(account, amount)
        account_id = self.accounts[account].id
        self.same(expected, ledger.charge, account_id=account_id, reference=reference, amount=amount, actor_label="x")

    def tip(self, account: int) -> None:
        expected = self.model.tip(account)
        self.same(expected, ledger.tip, account_id=self.accounts[account].id, courier_code="CPL593H", actor_label="x")

    def adjust(self, charge: int, amount: Decimal) -> None:
        expected = self.model.adjust(charge, amount)
        self.same(expected, ledger.adjust_charge, reference=f"m{charge}", new_amount=amount, actor_label="x")

    def request(self, charge: int, amount: Decimal) -> None:
        expected = self.model.request(charge, amount)
        fields = {"reference": f"m{charge}", "amount": amount, "reason": "Late", "actor": self.nellie}
        refund = self.same(expected, ledger.request_refund, **fields)
        if refund:
            self.refund_ids.append(refund.id)
            assert refund.status == self.model.refunds[-1].status

    def approve(self, refund: int) -> None:
        expected = self.model.approve(refund)
        self.same(expected, ledger.approve_refund, refund_id=self.refund_ids[refund], actor=self.otto)

    def reject(self, refund: int) -> None:
        expected = self.model.reject(refund)
        self.same(expected, ledger.reject_refund, refund_id=self.refund_ids[refund], actor=self.otto)

    def refund_rest(self, charges: set[int]) -> None:
        expected = {f"m{i}": self.model.charges[i].amount - self.model.charges[i].refunded for i in charges}
        self.model.refund_rest(charges)
        references = [f"m{i}" for i in charges]
        assert ledger.refund_rest(references=references, reason="Lost", actor_label="x", now=NOW) == expected

    def pay(self, account: int, amount: Decimal) -> None:
        self.model.balances[account] += amount
        ledger.pay(account_id=self.accounts[account].id, amount=amount, actor=SYSTEM, now=NOW)

    def correct(self, account: int, amount: Decimal) -> None:
        self.model.balances[account] += amount
        ledger.adjust(account_id=self.accounts[account].id, amount=amount, reason="Fee", actor=SYSTEM, now=NOW)

    def check(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert [ledgers.balance(account.id) for account in self.accounts] == self.model.balances
        kept = {charge.reference: (charge.amount, charge.refunded) for charge in Charge.objects.all()}
        assert kept == {f"m{i}": (it.amount, it.refunded) for i, it in enumerate(self.model.charges)}
        assert sum(account.balance for account in Account.objects.couriers()) == self.model.tips
        posted = Account.objects.all().posted()
        assert sum(posted.values()) == 0
        assert all(posted[account.username] == ledgers.balance(account.id) for account in self.accounts)
        assert list(ledger.reconcile()) == []


@pytest.mark.django_db
@settings(max_examples=40)
@given(st.lists(steps, max_size=25))
def test_the_ledger_does_what_the_model_says(sequence: list[Any]) -> None:
    with transaction.atomic():
        run = Run()
        for step in sequence:
            run.step(*step)
        run.check()
        transaction.set_rollback(True)
