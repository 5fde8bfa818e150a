"""The push channel: each device of a batch's recipients by the provider of its platform."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError

from campaigns.channels import Handed, Parcel
from campaigns.channels.push.engine import Engine
from campaigns.channels.push.notes import Answer, Note, Target, later, not_tried
from campaigns.models import AttemptOutcome, Device, Platform, PushProvider
from campaigns.services import devices, push_credentials
from campaigns.services.push_credentials import Credentials

logger = logging.getLogger(__name__)

PROVIDERS: Mapping[str, PushProvider] = {
    Platform.ANDROID: PushProvider.FCM,
    Platform.IOS: PushProvider.APNS,
    Platform.WEB: PushProvider.WEBPUSH,
}
CONSOLE = "console"


@dataclass(frozen=True)
class Job:
    """One parcel for one device, by which provider."""

    parcel: Parcel
    target: Target
    carrier: str
    credentials: Credentials | None


class Push:
    """Hands notifications over to push providers. Two queries a batch, and an UPDATE when devices have gone."""

    name = "push"

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def hand_over(self, parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        clock = Clock(now)
        targets = _targets_of(parcels)
        credentials = push_credentials.of_organizations({parcel.organization_id for parcel in parcels})
        jobs, unreached = _plan(parcels, targets, credentials, clock)
        handed = self._running().run(_hand_over_all(self._running(), jobs, clock)) if jobs else []
        _end_gone(jobs, handed)
        return handed + unreached

    def close(self) -> None:
        """End the connections and their thread."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _running(self) -> Engine:
        """This process's own: threads and connections do not survive a fork."""
        with self._lock:
            if self._engine is None or self._engine.pid != os.getpid():
                self._engine = Engine()
            return self._engine


class Clock:
    """Time that goes on from when the batch began."""

    def __init__(self, now: datetime) -> None:
        self._began, self._monotonic = now, time.monotonic()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=time.monotonic() - self._monotonic)


def _targets_of(parcels: Sequence[Parcel]) -> dict[UUID, list[Target]]:
    """The devices of each member."""
    targets: dict[UUID, list[Target]] = {}
    for row in Device.objects.reached([parcel.member_id for parcel in parcels]):
        targets.setdefault(row.member_id, []).append(Target(row.pk, row.member_id, row.platform, row.push_token))
    return targets


def _plan(
    parcels: Sequence[Parcel],
    targets: Mapping[UUID, Sequence[Target]],
    credentials: Mapping[tuple[UUID, str], Credentials],
    clock: Clock,
) -> tuple[list[Job], list[Handed]]:
    jobs, unreached = [], []
    for parcel in parcels:
        found = targets.get(parcel.member_id, ())
        if not found:
            unreached.append(_nobody(parcel, "push", "The member has no device that can be reached.", clock))
        for target in found:
            provider = PROVIDERS[target.platform]
            known = credentials.get((parcel.organization_id, provider))
            if known is not None or settings.PUSH_CONSOLE:
                jobs.append(Job(parcel, target, provider if known else CONSOLE, known))
            else:
                unreached.append(_nobody(parcel, provider, "The organization has no credentials for it.", clock))
    return jobs, unreached


def _nobody(parcel: Parcel, carrier: str, detail: str, clock: Clock) -> Handed:
    return _handed(parcel, carrier, Answer(AttemptOutcome.NONE, detail), clock.now(), clock)


async def _hand_over_all(engine: Engine, jobs: Sequence[Job], clock: Clock) -> list[Handed]:
    """In the order of the jobs; what there was no time for is for later."""
    room = asyncio.Semaphore(settings.PUSH_CONCURRENCY)
    # Of each call, by its place among the jobs.
    begun: dict[int, datetime] = {}
    tasks = [asyncio.create_task(_hand_over(engine, job, room, clock, begun, n)) for n, job in enumerate(jobs)]
    _, late = await asyncio.wait(tasks, timeout=settings.PUSH_BATCH_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return [
        _cut_off(job, begun.get(n), clock) if task in late else task.result()
        for n, (job, task) in enumerate(zip(jobs, tasks, strict=True))
    ]


def _cut_off(job: Job, began: datetime | None, clock: Clock) -> Handed:
    if began is None:
        return _handed(job.parcel, job.carrier, not_tried("There was no time left to try."), clock.now(), clock)
    return _handed(job.parcel, job.carrier, later("The provider did not answer in time."), began, clock)


async def _hand_over(
    engine: Engine, job: Job, room: asyncio.Semaphore, clock: Clock, begun: dict[int, datetime], number: int
) -> Handed:
    async with room:
        began = begun[number] = clock.now()
        answer = await engine.push(job.carrier, Note.of(job.parcel), job.target, job.credentials, began)
        return _handed(job.parcel, job.carrier, answer, began, clock)


def _handed(parcel: Parcel, carrier: str, answer: Answer, began: datetime, clock: Clock) -> Handed:
    return Handed(
        delivery_id=parcel.delivery_id,
        carrier=str(carrier),
        outcome=answer.outcome,
        detail=answer.detail,
        retry_after_s=answer.retry_after_s,
        was_tried=answer.was_tried,
        started_at=began,
        ended_at=clock.now(),
    )


def _end_gone(jobs: Sequence[Job], handed: Sequence[Handed]) -> None:
    """End the devices that are gone. What was pushed is not forgotten for a database that is away: their next push
    tells again that they are."""
    gone = {
        job.target.id: (job.target.token, f"{one.carrier}: {one.detail}")
        for job, one in zip(jobs, handed, strict=True)
        if one.outcome == AttemptOutcome.GONE
    }
    if gone:
        try:
            devices.end_dead(gone)
        except (OperationalError, InterfaceError):
            logger.warning("push.gone_not_ended", exc_info=True, extra={"devices": len(gone)})
