"""Writing down what came of a batch: one transaction, a few statements whatever its size.

Only what our lease still holds is written. Whoever holds what is left of the batch has made it his own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from campaigns.channels import Handed
from campaigns.engine.lanes import Batch, Claimed
from campaigns.engine.plans import plan_by_key
from campaigns.engine.verdicts import Verdict, closed
from campaigns.inboxes import give_places
from campaigns.models import AttemptKind, Closing, DeliveryStatus
from campaigns.rendering.contents import NewContent, store
from campaigns.transitions import Place, move_deliveries
from ops_console.organizations.models import MemberStatus
from ops_console.state_machine import array_text

ACTOR = "engine"
DETAIL_LENGTH = 500
# Statuses in which a message is in its recipient's inbox.
IN_INBOX = (DeliveryStatus.SENT, DeliveryStatus.NO_DEVICE)

LOCK = """
SELECT id, status FROM campaigns_delivery WHERE id = ANY(%s::uuid[]) AND leased_by = %s ORDER BY id FOR NO KEY UPDATE
"""
# What keeps its status: with a time it is due again then, without one there is nothing left to do.
SETTLE = """
UPDATE campaigns_delivery d SET n_attempts = s.n_attempts, leased_by = NULL, lease_until = NULL,
    tried_since = s.since,
    work = CASE WHEN s.due_at IS NULL THEN '' ELSE d.work END,
    due_at = CASE WHEN d.work = '' THEN NULL ELSE s.due_at END
FROM unnest(%s::uuid[], %s::smallint[], %s::timestamptz[], %s::timestamptz[]) AS s (id, n_attempts, due_at, since)
WHERE d.id = s.id
"""
# Counted, too: nobody counts the attempts.
NOTE_ATTEMPTS = """
WITH noted AS (
    INSERT INTO campaigns_attempt (delivery_id, kind, carrier, outcome, detail, started_at, ended_at)
    SELECT * FROM unnest(
        %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    RETURNING carrier, outcome
)
INSERT INTO campaigns_attemptflow (carrier, outcome, n) SELECT carrier, outcome, count(*) FROM noted GROUP BY 1, 2
"""
# What happens without a try and moves nothing.
NOTE_EVENTS = """
INSERT INTO campaigns_deliveryevent (subject_id, from_status, to_status, actor, reason, at)
SELECT id, status, what, %s, left(why, 200), %s FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[])
    AS noted (id, status, what, why)
"""
PUT_OFF, DROPPED = "put_off", "dropped"


@dataclass(frozen=True)
class Result:
    """What came of a batch, by the ids of its deliveries."""

    verdicts: Mapping[UUID, Verdict]
    handed: Sequence[Handed]
    contents: Mapping[UUID, NewContent]


def record(batch: Batch, result: Result, *, organization_id: UUID, now: datetime) -> int:
    """Write down what came of the deliveries that the batch's lease still holds, and return how many they are."""
    with transaction.atomic():
        plan_by_key()
        statuses = _lock(batch)
        ours = [delivery for delivery in batch.deliveries if delivery.id in statuses]
        moving: dict[DeliveryStatus, list[Claimed]] = {}
        settled = []
        for delivery in ours:
            status = result.verdicts[delivery.id].status
            # A reminder leaves its delivery what it is.
            may_move = delivery.work != AttemptKind.REMINDER and statuses[delivery.id] == DeliveryStatus.PENDING
            if status is not None and may_move:
                moving.setdefault(status, []).append(delivery)
            else:
                settled.append(delivery)
        Writer(batch, result, organization_id, now).write(moving, settled)
        kinds = {delivery.id: delivery.work for delivery in ours}
        note_attempts([(kinds[one.delivery_id], one) for one in result.handed if one.delivery_id in kinds])
        _note_untried(settled, statuses, result, now)
    return len(ours)


def _lock(batch: Batch) -> dict[UUID, str]:
    """The deliveries the lease still holds, each with its status."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [array_text([delivery.id for delivery in batch.deliveries]), batch.lease])
        return dict(cursor.fetchall())


class Writer:
    """Writes the deliveries of one batch, whose rows are locked."""

    def __init__(self, batch: Batch, result: Result, organization_id: UUID, now: datetime) -> None:
        self._campaign_id = batch.lane.campaign_id
        self._result = result
        self._organization_id = organization_id
        self._now = now

    def write(self, moving: Mapping[DeliveryStatus, Sequence[Claimed]], settled: Sequence[Claimed]) -> None:
        received = [delivery for status in IN_INBOX for delivery in moving.get(status, ())]
        contents = self._store([delivery for delivery in received if delivery.id in self._result.contents])
        # One that was sent again says perhaps something else, to who has read on: it comes anew.
        kept = {delivery.id: delivery.received_at for delivery in received if delivery.work != AttemptKind.RETRY}
        new = [delivery.member_id for delivery in received if kept.get(delivery.id) is None]
        places = give_places(new, self._now) if new else {}
        for status, deliveries in moving.items():
            columns: dict[str, list[Any]] = {}
            if status in IN_INBOX:
                columns["content"] = [contents[delivery.id] for delivery in deliveries]
                columns["received_at"] = [kept.get(one.id) or places[one.member_id] for one in deliveries]
            self._move(status, deliveries, columns)
        self._settle(settled)

    def _store(self, deliveries: Sequence[Claimed]) -> dict[UUID, int]:
        """The id of each one's content."""
        contents = {delivery.id: self._result.contents[delivery.id] for delivery in deliveries}
        ids = store(self._organization_id, list(contents.values()), self._now) if contents else {}
        return {pk: ids[content.digest] for pk, content in contents.items()}

    def _move(self, status: DeliveryStatus, deliveries: Sequence[Claimed], columns: dict[str, list[Any]]) -> None:
        verdicts = [self._result.verdicts[delivery.id] for delivery in deliveries]
        reasons = [_clean(verdict.reason) for verdict in verdicts]
        columns["n_attempts"] = [verdict.n_attempts for verdict in verdicts]
        columns["reason"] = reasons
        changes: dict[str, Any] = {"work": "", "due_at": None, "leased_by": None, "lease_until": None}
        if status == DeliveryStatus.SENT:
            changes["sent_at"] = self._now
        places = {delivery.id: Place(self._campaign_id, delivery.step_id) for delivery in deliveries}
        why = reasons if any(reasons) else ""
        move_deliveries(places, status, actor=ACTOR, at=self._now, reason=why, columns=columns, **changes)

    def _settle(self, deliveries: Sequence[Claimed]) -> None:
        if not deliveries:
            return
        verdicts = [self._result.verdicts[delivery.id] for delivery in deliveries]
        columns: list[list[Any]] = [
            [delivery.id for delivery in deliveries],
            [verdict.n_attempts for verdict in verdicts],
            [verdict.due_at for verdict in verdicts],
            [verdict.since for verdict in verdicts],
        ]
        with connection.cursor() as cursor:
            cursor.execute(SETTLE, list(map(array_text, columns)))


def note_attempts(tries: Sequence[tuple[str, Handed]]) -> None:
    """Write down tries, each with the kind of its work, and count them. One statement, none without any."""
    if not tries:
        return
    kinds, handed = zip(*tries, strict=True)
    columns: list[list[Any]] = [
        [one.delivery_id for one in handed],
        list(kinds),
        [one.carrier for one in handed],
        [one.outcome for one in handed],
        [_clean(one.detail)[:DETAIL_LENGTH] for one in handed],
        [one.started_at for one in handed],
        [one.ended_at for one in handed],
    ]
    with connection.cursor() as cursor:
        cursor.execute(NOTE_ATTEMPTS, list(map(array_text, columns)))


def _note_untried(settled: Sequence[Claimed], statuses: Mapping[UUID, str], result: Result, now: datetime) -> None:
    """Write down what was put off until later, or dropped, without a try: once, however often a provider rests.

    One statement, none without any.
    """
    tried = {one.delivery_id for one in result.handed}
    noted = []
    for delivery in settled:
        verdict = result.verdicts[delivery.id]
        is_told = verdict.since is not None and delivery.tried_since is not None
        if delivery.id not in tried and not is_told and (verdict.due_at is None or verdict.due_at > now):
            what = DROPPED if verdict.due_at is None else PUT_OFF
            noted.append((delivery.id, statuses[delivery.id], what, _clean(verdict.reason or _why(delivery, verdict))))
    if noted:
        columns = [array_text(list(column)) for column in zip(*noted, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(NOTE_EVENTS, [ACTOR, now, *columns])


def _why(delivery: Claimed, verdict: Verdict) -> str:
    """Why there was no try: the recipient's quiet hours, or what has become of him."""
    if verdict.due_at is not None:
        return f"Quiet hours until {verdict.due_at:%Y-%m-%d %H:%M} UTC."
    if delivery.member_status == MemberStatus.DEACTIVATED:
        return "The member is deactivated."
    if delivery.closing != Closing.OPEN:
        return closed(delivery.closing, n_attempts=delivery.n_attempts).reason
    return "There is no message to repeat."


def _clean(text: str) -> str:
    """Without the NUL, which the database does not take: what a provider says is not ours."""
    return text.replace("\0", "")
