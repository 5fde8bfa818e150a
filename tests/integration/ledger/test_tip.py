from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.errors import CreditExceeded
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Entry
from tests import ledgers
from tests.threads import in_threads


def tip(account: Account, courier: str = "CPL593H") -> Entry:
    return ledger.tip(account_id=account.id, courier_code=courier, actor_label="account:x", now=ledgers.NOW)


@pytest.mark.django_db
def test_a_tip_is_owed_to_the_courier() -> None:
    account = ledgers.open_account()
    entry = tip(account)
    assert Entry.objects.get() == entry
    assert (entry.kind, entry.reference) == ("tip", "CPL593H")
    with CaptureQueriesContext(connection) as queries:
        tip(account)
    assert len(queries) == 1
    courier = Account.objects.couriers().get()
    assert (courier.username, courier.balance, courier.organization) == ("courier:CPL593H", Decimal("0.10"), None)
    assert ledgers.balance(account.id) == Decimal("-0.10")
    assert list(ledger.reconcile()) == []


@pytest.mark.django_db
def test_a_tip_keeps_to_the_limit() -> None:
    account = ledgers.open_account(credit_limit="0.04")
    with pytest.raises(CreditExceeded):
        tip(account)
    assert not Entry.objects.exists()


def test_many_first_tips_at_once_open_one_account(committed_db: None) -> None:
    accounts = [ledgers.open_account(f"fan{i}") for i in range(4)]
    answers = in_threads(20, lambda i: tip(accounts[i % 4]))
    assert all(isinstance(answer, Entry) for answer in answers), answers
    assert Account.objects.couriers().get().balance == Decimal("1.00")
    assert list(ledger.reconcile()) == []
