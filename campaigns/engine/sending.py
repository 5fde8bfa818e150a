"""Sending a batch: claim, commit, make, hand over, record.

Messages are handed over outside transactions. A worker that dies before it has recorded repeats at most the batch it
held, under the same ids, once the lease is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from campaigns.channels import Handed, Parcel, channel
from campaigns.engine import lanes
from campaigns.engine.lanes import Batch
from campaigns.engine.making import Made, make
from campaigns.engine.outlines import outline
from campaigns.engine.recording import Result, record
from campaigns.engine.steps import nudge
from campaigns.engine.verdicts import Verdict, closed, judge
from campaigns.models import AttemptOutcome
from ops_console import doorbell

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
CARRIER_LENGTH = 16
NO_TIME = "There was no time left to try."
# What was handed over is not repeated for a database that is away for a moment.
PAUSE_S = 0.5


def send_batch(*, clock: Clock, limit: int = lanes.BATCH) -> int:
    """Serve the lane that waited longest; return how many deliveries were claimed, 0 when none is due.

    Runs outside transactions.
    """
    batch = lanes.claim(now=clock(), limit=limit)
    if batch is None or not batch.deliveries:
        return 0
    made = make(batch, now=clock())
    lanes.give_back(batch.lane, len(batch.deliveries) - sum(map(len, made.parcels.values())))
    handed = [*made.unfit, *hand_over_all(made, clock)]
    tried = [one for one in handed if one.was_tried]
    result = Result(judge_all(batch, made, handed, clock()), tried, made.contents)
    record_surely(batch, result, clock)
    if batch.is_last:
        nudge(batch.lane.campaign_id, now=clock())
        doorbell.ring("campaigns.tasks.advance")
    return len(batch.deliveries)


def hand_over_all(made: Made, clock: Clock) -> list[Handed]:
    """What the channels say of a batch.

    Most batches go by one. The turn of another comes only while the lease is young: each may take the best part of it.
    """
    young_until = time.monotonic() + settings.CAMPAIGN_LEASE_S / 6
    handed: list[Handed] = []
    for name, parcels in made.parcels.items():
        if not handed or time.monotonic() < young_until:
            handed += hand_over(name, parcels, clock)
        else:
            handed += [_later(parcel.delivery_id, name, NO_TIME, clock(), clock, was_tried=False) for parcel in parcels]
    return handed


def hand_over(name: str, parcels: Sequence[Parcel], clock: Clock) -> list[Handed]:
    """What a channel says of its parcels; one that breaks, or forgets a parcel, is asked again later."""
    started_at = clock()
    try:
        handed = channel(name).hand_over(parcels, now=started_at)
    except Exception as error:
        logger.exception("campaign.channel_broken", extra={"channel": name})
        handed, detail = [], f"The channel broke: {type(error).__name__}."
    else:
        detail = "The channel did not say."
    said = {one.delivery_id for one in handed}
    forgotten = [parcel.delivery_id for parcel in parcels if parcel.delivery_id not in said]
    return handed + [_later(pk, name, detail, started_at, clock) for pk in forgotten]


def _later(pk: UUID, name: str, detail: str, started_at: datetime, clock: Clock, *, was_tried: bool = True) -> Handed:
    return Handed(
        delivery_id=pk,
        carrier=name[:CARRIER_LENGTH],
        outcome=AttemptOutcome.LATER,
        detail=detail,
        was_tried=was_tried,
        started_at=started_at,
        ended_at=clock(),
    )


def judge_all(batch: Batch, made: Made, handed: Sequence[Handed], now: datetime) -> dict[UUID, Verdict]:
    """What becomes of each delivery of the batch."""
    tries: dict[UUID, list[Handed]] = {}
    for one in handed:
        tries.setdefault(one.delivery_id, []).append(one)
    verdicts = {}
    for delivery in batch.deliveries:
        if delivery.id in tries:
            verdicts[delivery.id] = judge(
                tries[delivery.id], n_attempts=delivery.n_attempts, tried_since=delivery.tried_since, now=now
            )
        elif delivery.id in made.closed:
            verdicts[delivery.id] = closed(delivery.closing, n_attempts=delivery.n_attempts)
        else:
            # Put off, or dropped.
            due_at = made.later.get(delivery.id)
            verdicts[delivery.id] = Verdict(None, delivery.n_attempts, due_at=due_at)
    return verdicts


def record_surely(batch: Batch, result: Result, clock: Clock) -> None:
    """Record, again and again while the database is away; past the lease the batch would be repeated anyhow."""
    deadline = time.monotonic() + settings.CAMPAIGN_LEASE_S
    organization_id = outline(batch.lane.campaign_id).organization_id
    while True:
        try:
            record(batch, result, organization_id=organization_id, now=clock())
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
            # One whose server went away is not mended by asking it again.
            connection.close()
            time.sleep(PAUSE_S)
        else:
            return
