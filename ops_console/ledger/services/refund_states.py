"""The life of a refund. One that needs nobody's approval starts as posted."""

from __future__ import annotations

from ops_console.ledger.models import Refund, RefundEvent, RefundStatus
from ops_console.state_machine import StateMachine

REFUNDS = StateMachine(
    Refund,
    RefundEvent,
    {
        RefundStatus.REQUESTED: frozenset(),
        RefundStatus.APPROVED: frozenset({RefundStatus.REQUESTED}),
        RefundStatus.POSTED: frozenset({RefundStatus.APPROVED}),
        RefundStatus.REJECTED: frozenset({RefundStatus.REQUESTED}),
    },
)
