from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.access.actors import SYSTEM, Actor
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Entry, Refund
from tests import factories, ledgers

pytestmark = pytest.mark.django_db
NOW = ledgers.NOW


def fill(n: int) -> Account:
    """An account with n charges and n refunds that wait."""
    account = ledgers.open_account(credit_limit="1000.00")
    who = ledgers.refunder("nellie@example.com")
    for i in range(n):
        ledgers.charge(account, "9.00", f"m{i}")
        ledger.request_refund(reference=f"m{i}", amount=Decimal(6), reason="Late", actor=who, now=NOW)
    return account


@pytest.mark.parametrize("n", [2, 12])
def test_lists_take_the_same_number_of_queries_at_any_size(n: int) -> None:
    account = fill(n)
    with CaptureQueriesContext(connection) as queries:
        names = {posting.account.username for e in Entry.objects.with_postings() for posting in e.postings.all()}
    assert (names, len(queries)) == ({"featherfan92", "house:revenue"}, 3)
    with CaptureQueriesContext(connection) as queries:
        rows = [
            (refund.charge.account.organization, refund.requested_by, refund.decided_by)
            for refund in Refund.objects.with_charge_and_people()
        ]
    assert (len(rows), rows[0][0], len(queries)) == (n, account.organization, 1)
    with CaptureQueriesContext(connection) as queries:
        assert [a.organization for a in Account.objects.customers().with_organization()] == [account.organization]
    assert len(queries) == 1


def test_each_organization_sees_its_own() -> None:
    mine, other = fill(2), ledgers.open_account("other")
    ledgers.charge(other, "0.15", "theirs")
    assert mine.organization_id
    assert other.organization_id
    caller, stranger = (factories.acting_for(account) for account in (mine, other))
    assert Account.objects.visible_to(caller).get() == mine
    assert Entry.objects.visible_to(caller).count() == 2
    assert Entry.objects.of_account(other.id).get().reference == "theirs"
    assert Refund.objects.visible_to(caller).count() == 2
    assert not Refund.objects.visible_to(stranger).exists()
    assert not Entry.objects.visible_to(Actor.anyone(None)).exists()
    assert Entry.objects.visible_to(SYSTEM).count() == Entry.objects.count()


def test_who_waits_longest_is_first() -> None:
    fill(3)
    assert [refund.charge.reference for refund in Refund.objects.waiting()] == ["m0", "m1", "m2"]
