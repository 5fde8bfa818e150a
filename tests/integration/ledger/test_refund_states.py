"""Every pair of the refund's states, through the table and through the services."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from ops_console.errors import InvalidTransition, NotFound
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Refund, RefundStatus
from ops_console.ledger.services.refund_states import REFUNDS
from tests import ledgers

pytestmark = pytest.mark.django_db

ALLOWED = {("requested", "approved"), ("approved", "posted"), ("requested", "rejected")}
# How a refund that waits gets to each state.
PATHS = {"requested": [], "approved": ["approved"], "posted": ["approved", "posted"], "rejected": ["rejected"]}


def refund_in(status: str) -> Refund:
    ledgers.charge(ledgers.open_account(), "20.00")
    refund = ledger.request_refund(
        reference="4prDjddvmLpDA2A2",
        amount=Decimal("9.00"),
        reason="Late",
        actor=ledgers.refunder("nellie@example.com"),
        now=ledgers.NOW,
    )
    for step in PATHS[status]:
        REFUNDS.move_one(refund.id, step, actor="test", at=ledgers.NOW)
    return refund


@pytest.mark.parametrize("to", RefundStatus.values)
@pytest.mark.parametrize("old", RefundStatus.values)
def test_the_table_allows_these_moves_and_no_others(old: str, to: str) -> None:
    refund = refund_in(old)
    n_events = refund.events.count()
    if (old, to) in ALLOWED:
        assert REFUNDS.move_one(refund.id, to, actor="test", at=ledgers.NOW, reason="why") == old
        event = refund.events.latest("id")
        assert (event.from_status, event.to_status, event.actor, event.reason) == (old, to, "test", "why")
    else:
        with pytest.raises(InvalidTransition) as refused:
            REFUNDS.move_one(refund.id, to, actor="test", at=ledgers.NOW)
        assert (refused.value.current, refused.value.wanted) == (old, to)
        assert refund.events.count() == n_events
    refund.refresh_from_db()
    assert refund.status == (to if (old, to) in ALLOWED else old)


@pytest.mark.parametrize(("service", "ends"), [(ledger.approve_refund, "posted"), (ledger.reject_refund, "rejected")])
@pytest.mark.parametrize("old", RefundStatus.values)
def test_only_what_waits_is_decided(old: str, service: object, ends: str) -> None:
    refund = refund_in(old)
    boss = ledgers.refunder("boss@example.com")
    if old == "requested":
        assert service(refund_id=refund.id, actor=boss, now=ledgers.NOW).status == ends  # type: ignore[operator]
        return
    with pytest.raises(InvalidTransition) as refused:
        service(refund_id=refund.id, actor=boss, now=ledgers.NOW)  # type: ignore[operator]
    assert refused.value.current == old
    refund.refresh_from_db()
    assert refund.status == old
    assert refund.entry is None
    assert refund.charge.refunded == 0


def test_a_refund_that_is_not_there_is_not_moved() -> None:
    with pytest.raises(NotFound):
        REFUNDS.move_one(uuid4(), "approved", actor="test", at=ledgers.NOW)
