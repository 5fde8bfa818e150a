"""The lives of campaigns and deliveries, how members are closed, and what is counted with each move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from campaigns.models import (
    Campaign,
    CampaignEvent,
    CampaignStatus,
    Closing,
    Delivery,
    DeliveryEvent,
    DeliveryStatus,
)
from ops_console.errors import InvalidTransition, NotFound
from ops_console.state_machine import StateMachine

CAMPAIGNS = StateMachine(
    Campaign,
    CampaignEvent,
    {
        CampaignStatus.RUNNING: frozenset({CampaignStatus.CREATED}),
        CampaignStatus.COMPLETED: frozenset({CampaignStatus.RUNNING}),
        CampaignStatus.FAILED: frozenset({CampaignStatus.RUNNING}),
        CampaignStatus.CANCELLED: frozenset({CampaignStatus.CREATED, CampaignStatus.RUNNING}),
    },
)
# What is in its recipient's inbox stays there while it is tried again, and when that fails.
UNREACHED = frozenset({DeliveryStatus.PENDING, DeliveryStatus.FAILED})
IS_IN_INBOX = "t.status || '' NOT IN ('pending', 'failed') OR t.received_at IS NOT NULL"
HAS_ACKNOWLEDGED = """EXISTS (
    SELECT FROM campaigns_audiencemember a WHERE a.id = t.recipient_id AND a.closing = 'acknowledged' OFFSET 0)"""
DELIVERIES = StateMachine(
    Delivery,
    DeliveryEvent,
    {
        DeliveryStatus.PENDING: frozenset({DeliveryStatus.FAILED, DeliveryStatus.NO_DEVICE}),
        DeliveryStatus.SENT: frozenset({DeliveryStatus.PENDING}),
        DeliveryStatus.NO_DEVICE: frozenset({DeliveryStatus.PENDING}),
        # One that was sent fails when its pigeon does.
        DeliveryStatus.FAILED: frozenset({DeliveryStatus.PENDING, DeliveryStatus.SENT}),
        DeliveryStatus.DELIVERED: UNREACHED | {DeliveryStatus.SENT, DeliveryStatus.NO_DEVICE},
        DeliveryStatus.ACKNOWLEDGED: UNREACHED
        | {DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.NO_DEVICE},
        # What waits for a worker when its recipient is closed becomes what he is.
        DeliveryStatus.MISSED: frozenset({DeliveryStatus.PENDING, DeliveryStatus.SENT, DeliveryStatus.DELIVERED}),
    },
    provided={
        DeliveryStatus.DELIVERED: IS_IN_INBOX,
        DeliveryStatus.ACKNOWLEDGED: f"{IS_IN_INBOX} OR {HAS_ACKNOWLEDGED}",
    },
)


class Place(NamedTuple):
    """Where a delivery is counted."""

    campaign: UUID
    step: int


def move_deliveries(
    places: Mapping[UUID, Place],
    to: DeliveryStatus,
    *,
    actor: str,
    at: datetime,
    reason: str | Sequence[str] = "",
    columns: Mapping[str, Sequence[Any]] | None = None,
    **changes: Any,
) -> dict[UUID, str]:
    """Move the deliveries that may move, count them, and return each moved id with its old status.

    ``reason`` is one for all, or one for each. Two statements, whatever the number. Who moves several locks them first,
    in the order of their ids.
    """
    moved = DELIVERIES.move(list(places), to, actor=actor, reason=reason, at=at, columns=columns, **changes)
    count((places[pk].campaign, places[pk].step, old, str(to)) for pk, old in moved.items())
    return moved


def move_delivery(
    delivery: Delivery, to: DeliveryStatus, *, actor: str, at: datetime, reason: str = "", **changes: Any
) -> None:
    """Move one delivery.

    Raises:
        InvalidTransition: its status does not allow it.
        NotFound: there is no such delivery.
    """
    place = Place(delivery.campaign_id, delivery.step_id)
    if move_deliveries({delivery.pk: place}, to, actor=actor, at=at, reason=reason, **changes):
        return
    current = Delivery.objects.filter(pk=delivery.pk).values_list("status", flat=True).first()
    if current is None:
        raise NotFound()
    raise InvalidTransition(current=current, wanted=to)


CLOSE = """
UPDATE campaigns_audiencemember SET closing = %(closing)s, closed_at = %(at)s
WHERE id = ANY(%(ids)s) AND closing = 'open' RETURNING campaign_id
"""


def close_members(recipients: Iterable[int], closing: Closing, *, at: datetime) -> int:
    """Close those of an audience who are still open, count them, and return how many. ``recipients`` is sorted."""
    values: dict[str, Any] = {"closing": closing, "at": at, "ids": list(recipients)}
    with connection.cursor() as cursor:
        cursor.execute(CLOSE, values)
        campaigns = [campaign for (campaign,) in cursor.fetchall()]
    count((campaign, None, str(Closing.OPEN), str(closing)) for campaign in campaigns)
    return len(campaigns)


Move = tuple[UUID, int | None, str, str]
COUNT = """
INSERT INTO campaigns_campaignflow (campaign_id, step_id, from_status, to_status, n)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::bigint[])
"""


def count(moves: Iterable[Move] | Mapping[Move, int]) -> None:
    """Append how many rows moved: of which campaign and step (None: its members), from which status to which.

    ``moves`` holds one for each row, or how many there were of each.
    """
    counts = Counter(moves)
    if counts:
        columns = [list(column) for column in zip(*counts, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [*columns, list(counts.values())])


FOLD = """
WITH taken AS (
    DELETE FROM campaigns_campaignflow
    WHERE campaign_id IN (SELECT campaign_id FROM campaigns_campaignflow WHERE NOT is_folded)
    RETURNING campaign_id, step_id, from_status, to_status, n, is_folded
), totals AS (
    INSERT INTO campaigns_deliverytotal AS t (from_status, to_status, n)
    SELECT from_status, to_status, sum(n) FROM taken WHERE NOT is_folded AND step_id IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (from_status, to_status) DO UPDATE SET n = t.n + excluded.n
)
INSERT INTO campaigns_campaignflow (campaign_id, step_id, from_status, to_status, n, is_folded)
SELECT campaign_id, step_id, from_status, to_status, sum(n), TRUE FROM taken GROUP BY 1, 2, 3, 4
"""
FOLD_ATTEMPTS = """
WITH taken AS (
    DELETE FROM campaigns_attemptflow WHERE (carrier, outcome) IN (
        SELECT carrier, outcome FROM campaigns_attemptflow GROUP BY 1, 2 HAVING count(*) > 1
    ) RETURNING carrier, outcome, n
)
INSERT INTO campaigns_attemptflow (carrier, outcome, n) SELECT carrier, outcome, sum(n) FROM taken GROUP BY 1, 2
"""


def fold_flow() -> int:
    """Add up the appended counts into one row each, and return how many rows were written.

    A reader sees either the old rows or the new one. Of two folds at once the second finds deleted what the first took.
    """
    with connection.cursor() as cursor:
        cursor.execute(FOLD_ATTEMPTS)
        cursor.execute(FOLD)
        return int(cursor.rowcount)
