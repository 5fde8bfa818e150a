"""Refunds nobody has to approve: cancelled, missed, lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from uuid6 import uuid7

from ops_console.ledger.models import Refund, RefundStatus
from ops_console.ledger.services.journal import REVENUE
from ops_console.ledger.services.refund_states import REFUNDS

REFUND_REST = (Path(__file__).parent.parent / "queries" / "refund_rest.sql").read_text()


@transaction.atomic
def refund_rest(*, references: Sequence[str], reason: str, actor_label: str, now: datetime) -> dict[str, Decimal]:
    """Post whatever is not yet refunded of each charge, and return how much that was, by reference.

    One with nothing left is in the answer with zero. Staff refunds still waiting on these charges are rejected:
    nothing is left for them. Two statements, three when some wait. Call it once for a batch: a second call in the
    same transaction may lock charges out of order.
    """
    wanted = sorted(set(references))
    refunded = dict.fromkeys(wanted, Decimal("0.00"))
    if not wanted:
        return refunded
    values: dict[str, Any] = {
        "references": wanted,
        "entries": [uuid7() for _ in wanted],
        "refunds": [uuid7() for _ in wanted],
        "revenue": REVENUE,
        "reason": reason,
        "actor": actor_label,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(REFUND_REST, values)
        refunded |= dict(cursor.fetchall())
    _reject_waiting(wanted, actor_label, now)
    return refunded


def _reject_waiting(references: list[str], actor_label: str, now: datetime) -> None:
    waiting = Refund.objects.waiting().filter(charge__reference__in=references)
    REFUNDS.move(
        list(waiting.values_list("pk", flat=True)),
        RefundStatus.REJECTED,
        actor=actor_label,
        reason="All that was left has been refunded.",
        at=now,
        decided_at=now,
    )
