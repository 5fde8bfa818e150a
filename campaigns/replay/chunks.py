"""Taking up what a page recorded: a file and a row for each chunk, in one transaction."""

from __future__ import annotations

import gzip
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from uuid6 import uuid7

from campaigns import stored_files
from campaigns.models import Campaign, Recording, RecordingCampaign, RecordingChunk
from campaigns.replay.consents import refuse_unrecorded
from campaigns.replay.events import MOST_SESSION_BYTES, Chunk
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import Conflict, Forbidden, NotFound, TooLarge
from ops_console.organizations.models import Member

# Below Django's storage.
FOLDER = "recordings"
# A visit began so long before its first chunk came, at most: what is older, the device's clock made up.
LONGEST_WAIT = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

ACTIVE_SECONDS = """
SELECT count(DISTINCT second) FROM campaigns_recordingchunk, unnest(active) second WHERE recording_id = %s
"""


class ChunkDiffers(Conflict):
    """There is another chunk of this number."""

    code = "chunk_differs"


class SessionFull(TooLarge):
    """The recording is as large as one may be: record no more of this visit."""

    code = "session_full"


@dataclass(frozen=True)
class Taken:
    """``is_new``: it was not there before."""

    recording: Recording
    number: int
    is_new: bool


def add_chunk(*, recording_id: UUID, chunk: Chunk, actor: Actor, now: datetime) -> Taken:
    """Keep a chunk of the caller's visit, which begins with whichever comes first; the same one again changes nothing.

    Raises:
        ChunkDiffers: another is kept under this number.
        Forbidden: the actor is no person in an organization.
        NoConsent: the member has not agreed, or it is not offered.
        NotFound: the recording is somebody else's.
        SessionFull: there is no room for it.
    """
    policy.require(actor, "recordings", "record")
    if actor.member is None:
        raise Forbidden()
    with transaction.atomic():
        # Locks what the member agreed to: chunks of one member follow each other.
        refuse_unrecorded(actor.member.pk, actor.member.organization_id)
        recording = _recording(recording_id, chunk, actor.member, now)
        kept = RecordingChunk.objects.filter(recording=recording, number=chunk.number).first()
        if kept is not None:
            if bytes(kept.digest) != chunk.digest:
                raise ChunkDiffers()
            return Taken(recording, chunk.number, is_new=False)
        if recording.n_bytes + chunk.n_bytes > MOST_SESSION_BYTES:
            raise SessionFull()
        _keep(recording, chunk, now)
        _count(recording, chunk, now)
        _show(recording, chunk.campaigns)
    return Taken(recording, chunk.number, is_new=True)


def _recording(recording_id: UUID, chunk: Chunk, member: Member, now: datetime) -> Recording:
    """The recording, locked; a new one without anything in it, where there is none."""
    new = Recording(
        id=recording_id,
        organization_id=member.organization_id,
        member=member,
        started_at=now,
        ended_at=now,
        first_ms=chunk.first_ms,
        last_ms=chunk.last_ms,
        offset_ms=_ms(now) - chunk.last_ms,
        n_bytes=0,
        n_chunks=0,
        n_active_seconds=0,
        created_at=now,
    )
    Recording.objects.bulk_create([new], ignore_conflicts=True)
    found = Recording.objects.select_for_update(no_key=True).filter(pk=recording_id, member=member).first()
    if found is None:
        raise NotFound("There is no such recording.")
    return found


def _keep(recording: Recording, chunk: Chunk, now: datetime) -> None:
    """The file first: no row is without one."""
    day = now.astimezone(UTC).date().isoformat()
    name = f"{FOLDER}/{day}/{recording.pk}-{chunk.number}-{uuid7().hex}.json.gz"
    RecordingChunk.objects.create(
        recording=recording,
        number=chunk.number,
        file=stored_files.save_with_rows(name, gzip.compress(chunk.lines, mtime=0)),
        n_bytes=chunk.n_bytes,
        digest=chunk.digest,
        first_ms=chunk.first_ms,
        last_ms=chunk.last_ms,
        active=list(chunk.active),
        received_at=now,
    )


def _count(recording: Recording, chunk: Chunk, now: datetime) -> None:
    """Add the chunk to what is known of the visit."""
    recording.n_bytes += chunk.n_bytes
    recording.n_chunks += 1
    recording.n_active_seconds = _active_seconds(recording)
    place(recording, chunk, now)
    recording.save()


def place(recording: Recording, chunk: Chunk, now: datetime) -> None:
    """Say when the visit began and ended, by our clock: neither is in the future (docs/replay.md)."""
    recording.first_ms = min(recording.first_ms, chunk.first_ms)
    recording.last_ms = max(recording.last_ms, chunk.last_ms)
    # The chunk that was on its way for the shortest time tells best how far the clocks are apart.
    recording.offset_ms = min(recording.offset_ms, _ms(now) - chunk.last_ms)
    earliest = _ms(recording.created_at - LONGEST_WAIT)
    start = max(recording.first_ms + recording.offset_ms, earliest)
    end = max(recording.last_ms + recording.offset_ms, start)
    recording.started_at, recording.ended_at = EPOCH + start * MILLISECOND, EPOCH + end * MILLISECOND


def _show(recording: Recording, campaigns: Collection[UUID]) -> None:
    """Remember the campaigns of the member's organization among those; others are none of its visits."""
    known = Campaign.objects.filter(organization=recording.organization_id, pk__in=campaigns) if campaigns else ()
    shown = [
        RecordingCampaign(recording=recording, campaign_id=each.pk, started_at=recording.started_at) for each in known
    ]
    RecordingCampaign.objects.bulk_create(shown, ignore_conflicts=True)
    of_it = RecordingCampaign.objects.filter(recording=recording)
    of_it.exclude(started_at=recording.started_at).update(started_at=recording.started_at)


def _active_seconds(recording: Recording) -> int:
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE_SECONDS, [recording.pk])
        row: tuple[Any, ...] = cursor.fetchone()
    return int(row[0])


def _ms(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND
