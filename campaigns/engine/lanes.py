"""Whose turn it is: the running campaign that waited longest gets a batch of its due deliveries leased.

A batch is at most 1,000, so a campaign of 100,000 does not hold up one of 10 started after it. Deliveries are claimed
with SKIP LOCKED under a lease; one whose worker died is due again when the lease ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction

from campaigns.engine.outlines import outline
from campaigns.engine.plans import plan_by_key
from campaigns.engine.quiet_hours import QuietHours

BATCH = 1000
# A rate is a bucket: what it lets through in a second may go at once, for the workers' rounds come every second. A
# round that comes late catches up, so far.
BURST, CATCH_UP = timedelta(seconds=1), timedelta(seconds=0.5)

# A worker that finds a lane's row locked takes the next lane. OFFSET 0 has each lane looked at by itself, by an index;
# else all that is due of all lanes may be gathered first. One with a rate waits for a tenth of a second's worth, and
# for one delivery at least.
CHOOSE = """
SELECT id, rate_per_s, critical, quiet_from, quiet_until, rests_until FROM campaigns_campaign c
WHERE status = 'running' AND paused_at IS NULL
    AND (rests_until IS NULL OR rate_per_s IS NULL
        OR rests_until <= %(now)s + %(burst)s - greatest(0.1, 1.0 / rate_per_s) * interval '1 second')
    AND EXISTS (SELECT FROM campaigns_delivery d WHERE d.campaign_id = c.id AND d.due_at <= %(now)s OFFSET 0)
ORDER BY served_at NULLS FIRST LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED
"""
# What was let through is a debt that time pays off.
SERVED = """
UPDATE campaigns_campaign SET served_at = %(now)s,
    rests_until = greatest(coalesce(rests_until, %(now)s), %(now)s - %(catch_up)s) + %(rest)s::interval
WHERE id = %(campaign)s
"""
GIVE_BACK = "UPDATE campaigns_campaign SET rests_until = rests_until - %(rest)s WHERE id = %(campaign)s"
LEASE = """
WITH due AS MATERIALIZED (
    SELECT id, recipient_id, member_id FROM campaigns_delivery WHERE campaign_id = %(campaign)s AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE campaigns_delivery d SET leased_by = %(lease)s, lease_until = %(until)s, due_at = %(until)s
FROM due
JOIN campaigns_audiencemember a ON a.id = due.recipient_id
JOIN organizations_member m ON m.id = due.member_id
JOIN organizations_person p ON p.id = m.person_id
WHERE d.id = due.id
RETURNING d.id, d.step_id, d.work, d.n_attempts, d.content_id, d.received_at, d.member_id, a.closing, a.variables::text,
    m.name, m.status, m.profile::text, p.email, d.tried_since
"""


class Claimed(NamedTuple):
    """A delivery under our lease, with what is needed to make its message."""

    id: UUID
    step_id: int
    work: str
    n_attempts: int
    content_id: int | None
    received_at: datetime | None
    member_id: UUID
    closing: str
    # JSON text.
    variables: str
    name: str
    member_status: str
    # JSON text.
    profile: str
    email: str
    # When it was first put off.
    tried_since: datetime | None = None


@dataclass(frozen=True)
class Lane:
    """A campaign as it is when it is served; what may change while it runs."""

    campaign_id: UUID
    rate_per_s: int | None
    is_critical: bool
    quiet_from: time | None
    quiet_until: time | None
    # When what its rate let through so far is paid off.
    rests_until: datetime | None = None

    @property
    def quiet_hours(self) -> QuietHours | None:
        if self.is_critical or self.quiet_from is None or self.quiet_until is None:
            return None
        return QuietHours(self.quiet_from, self.quiet_until)

    def room(self, now: datetime) -> int | None:
        """How many its own rate lets through now, one at least; None without one."""
        if self.rate_per_s is None:
            return None
        begun = max(self.rests_until or now, now - CATCH_UP)
        return max(1, round((now + BURST - begun).total_seconds() * self.rate_per_s))

    def rest_after(self, n: int) -> timedelta | None:
        """What its own rate asks for after so many."""
        return timedelta(seconds=n / self.rate_per_s) if self.rate_per_s else None


@dataclass(frozen=True)
class Batch:
    lease: UUID
    lane: Lane
    deliveries: Sequence[Claimed]
    # The lane had no more.
    is_last: bool


def claim(*, now: datetime, limit: int = BATCH) -> Batch | None:
    """Lease a batch of the lane that waited longest; None when no lane has anything due.

    Its own transaction, committed when it returns.
    """
    with transaction.atomic():
        plan_by_key()
        lane = _choose(now)
        if lane is None:
            return None
        limit = min(limit, lane.room(now) or limit, outline(lane.campaign_id).batch_limit)
        lease = uuid4()
        deliveries = _lease(lane, lease, limit, now)
        _note_served(lane, len(deliveries), now)
    return Batch(lease, lane, deliveries, is_last=len(deliveries) < limit)


def give_back(lane: Lane, n: int) -> None:
    """Let the lane rest the less for so many that were claimed and are not handed over."""
    if n and lane.rate_per_s:
        values: dict[str, Any] = {"campaign": lane.campaign_id, "rest": lane.rest_after(n)}
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, values)


def _choose(now: datetime) -> Lane | None:
    values: dict[str, Any] = {"now": now, "burst": BURST}
    with connection.cursor() as cursor:
        cursor.execute(CHOOSE, values)
        row = cursor.fetchone()
    return None if row is None else Lane(*row)


def _lease(lane: Lane, lease: UUID, limit: int, now: datetime) -> list[Claimed]:
    until = now + timedelta(seconds=settings.CAMPAIGN_LEASE_S)
    values: dict[str, Any] = {"campaign": lane.campaign_id, "now": now, "limit": limit, "lease": lease, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(LEASE, values)
        return [Claimed(*row) for row in cursor.fetchall()]


def _note_served(lane: Lane, n: int, now: datetime) -> None:
    """Put the lane behind the others, and let it rest as long as its own rate asks after so many."""
    values: dict[str, Any] = {
        "campaign": lane.campaign_id,
        "now": now,
        "catch_up": CATCH_UP,
        "rest": lane.rest_after(n),
    }
    with connection.cursor() as cursor:
        cursor.execute(SERVED, values)
