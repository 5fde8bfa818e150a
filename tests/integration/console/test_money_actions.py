"""Money in the console: payments, limits, adjustments, refunds and their second pair of eyes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from messages.models import Message
from ops_console.audit.models import AuditEntry
from ops_console.ledger.models import Account, AccountKind, Entry, Refund
from tests import factories

from .conftest import action_of, confirm, once_in, page_of, select, told


@pytest.fixture
def account(db: None) -> Account:
    return factories.account(username="featherfan92")


@pytest.fixture
def strict(settings: Any) -> None:
    """Every staff refund needs a second person."""
    settings.REFUND_FOUR_EYES_LIMIT = Decimal(0)


def balance(account: Account) -> Decimal:
    return Account.objects.values_list("balance", flat=True).get(pk=account.pk)


def test_a_payment_is_recorded(financier: Client, account: Account):
    page = financier.get(action_of(account, "pay"))
    assert "The balance of featherfan92 is $0.00." in page.content.decode()
    report = told(confirm(financier, action_of(account, "pay"), amount="25.50", reference="P-17", memo="Cheque"))
    assert report == "A payment of $25.50 by featherfan92 was recorded."
    assert balance(account) == Decimal("25.50")
    entry = Entry.objects.get(kind="payment")
    assert (entry.reference, entry.memo) == ("P-17", "Cheque")


def test_confirming_the_same_page_twice_pays_once(financier: Client, account: Account):
    url = action_of(account, "pay")
    given = {"confirmed": "1", "once": once_in(financier.get(url)), "amount": "25.00"}
    assert "was recorded" in told(financier.post(url, given))
    assert "confirmed already" in told(financier.post(url, given))
    assert balance(account) == Decimal("25.00")
    assert "was recorded" in told(confirm(financier, url, amount="25.00"))
    assert balance(account) == Decimal("50.00")


def test_a_page_that_was_refused_may_be_corrected(financier: Client, account: Account):
    url = action_of(account, "pay")
    given = {"confirmed": "1", "once": once_in(financier.get(url))}
    refused = financier.post(url, {**given, "amount": "1.005"})
    assert "at most two places" in refused.content.decode()
    assert "was recorded" in told(financier.post(url, {**given, "amount": "1.00"}))


@pytest.mark.parametrize("amount", ["", "x", "NaN", "Infinity", "0", "-1", "1e30", "0.001"])
def test_a_malformed_amount_moves_no_money(financier: Client, account: Account, amount: str):
    answer = confirm(financier, action_of(account, "pay"), amount=amount)
    assert answer.status_code == 200
    assert answer.context["form"].errors["amount"]
    assert balance(account) == 0


def test_a_limit_is_set(financier: Client, account: Account):
    assert "$250.00" in told(confirm(financier, action_of(account, "limit"), credit_limit="250"))
    assert Account.objects.get(pk=account.pk).credit_limit == Decimal(250)
    refused = confirm(financier, action_of(account, "limit"), credit_limit="-1")
    assert refused.context["form"].errors["credit_limit"]


def test_an_adjustment_needs_a_reason(financier: Client, account: Account):
    url = action_of(account, "adjust")
    assert confirm(financier, url, amount="-3").context["form"].errors["reason"]
    told(confirm(financier, url, amount="-3", reason="Window broken."))
    assert balance(account) == Decimal("-3.00")
    assert AuditEntry.objects.get(action="account.adjust").reason == "Window broken."


def test_operations_may_not_touch_balances(operator: Client, account: Account):
    html = operator.get(page_of(account)).content.decode()
    for name in ("pay", "adjust", "limit"):
        assert f"/do/{name}/" not in html
        assert operator.get(action_of(account, name)).status_code == 403
        forced = {"confirmed": "1", "once": "x", "amount": "5", "credit_limit": "5", "reason": "Mine."}
        assert operator.post(action_of(account, name), forced).status_code == 403
    assert balance(account) == 0


def test_the_houses_accounts_take_no_payment(root: Client, account: Account):
    house = Account.objects.filter(kind=AccountKind.HOUSE).first()
    assert house is not None
    assert "/do/pay/" not in root.get(page_of(house)).content.decode()
    assert "There is no such account." in told(confirm(root, action_of(house, "pay"), amount="5"))


def test_a_small_refund_is_posted_at_once(operator: Client, queued: Message):
    page = operator.get(action_of(queued, "refund"))
    assert f"${queued.cost} of ${queued.cost} has not been given back yet." in page.content.decode()
    told(confirm(operator, action_of(queued, "refund"), amount="0.05", reason="Wet."))
    refund = Refund.objects.get()
    assert (refund.amount, refund.status) == (Decimal("0.05"), "posted")


def test_more_than_was_charged_is_a_fault_of_the_amount(operator: Client, queued: Message):
    answer = confirm(operator, action_of(queued, "refund"), amount="9.00", reason="Wet.")
    assert "left to refund" in str(answer.context["form"].errors["amount"])
    assert not Refund.objects.exists()


def test_a_large_refund_waits_and_another_person_approves(
    operator: Client, financier: Client, queued: Message, strict: None
):
    report = told(confirm(operator, action_of(queued, "refund"), amount=str(queued.cost), reason="Wet."))
    assert report == f"${queued.cost} waits for the approval of a second member of staff."
    refund = Refund.objects.get()
    assert f"${refund.amount} goes back" in financier.get(action_of(refund, "approve")).content.decode()
    assert told(confirm(financier, action_of(refund, "approve"))) == "1 refund approved and posted."
    refund.refresh_from_db()
    assert refund.status == "posted"
    assert Message.objects.get(pk=queued.pk).status == "refunded"


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_who_asked_may_not_decide(financier: Client, queued: Message, strict: None, name: str):
    told(confirm(financier, action_of(queued, "refund"), amount="0.05", reason="Wet."))
    refund = Refund.objects.get()
    report = told(confirm(financier, action_of(refund, name)))
    assert "You asked for this refund: another member of staff must decide it." in report
    refund.refresh_from_db()
    assert refund.status == "requested"


def test_rejecting_and_deciding_again(operator: Client, financier: Client, queued: Message, strict: None):
    told(confirm(operator, action_of(queued, "refund"), amount="0.05", reason="Wet."))
    refund = Refund.objects.get()
    assert told(select(financier, "reject", refund, reason="Dry.")) == "1 refund rejected."
    assert "cannot become" in told(select(financier, "approve", refund, reason="After all."))
    refund.refresh_from_db()
    assert refund.status == "rejected"
    assert "/do/approve/" not in financier.get(page_of(refund)).content.decode()


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_operations_may_not_decide(operator: Client, financier: Client, queued: Message, strict: None, name: str):
    told(confirm(financier, action_of(queued, "refund"), amount="0.05", reason="Wet."))
    refund = Refund.objects.get()
    assert operator.post(action_of(refund, name), {"confirmed": "1", "once": "x"}).status_code == 403
    refund.refresh_from_db()
    assert refund.status == "requested"
