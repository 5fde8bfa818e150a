"""Recordings this installation keeps: events as the page sent them, a file for each chunk in Django's storage."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet

from campaigns import stored_files
from campaigns.models import Recording, RecordingCampaign, RecordingChunk
from campaigns.replay.provider import Asked, Listed, Visit
from ops_console.errors import InvalidInput, NotFound
from ops_console.keyset import ForeignToken, rows_after

# Beyond it, recordings are not counted: the list tells no total then.
MOST_COUNTED = 10_000


class LocalProvider:
    """One organization's (``provider.ReplayProvider``)."""

    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id

    def list(self, asked: Asked, *, following: str, size: int) -> Listed:
        """Two queries; one where the first page holds all."""
        salt = f"recordings:{self.organization_id}:{asked.campaign_id or ''}"
        try:
            if asked.campaign_id is None:
                of_all = self._of_all(asked)
                found, token = rows_after(of_all, columns=("-started_at", "-id"), size=size, token=following, salt=salt)
                total = _total(of_all, following, token, len(found))
            else:
                of_one = self._of_campaign(asked, asked.campaign_id)
                columns = ("-started_at", "-recording_id")
                links, token = rows_after(of_one, columns=columns, size=size, token=following, salt=salt)
                found = [link.recording for link in links]
                total = _total(of_one, following, token, len(found))
        except ForeignToken:
            raise InvalidInput.field("page_token", message="This did not come from this list.") from None
        return Listed([visit_of(recording) for recording in found], token or "", total)

    def find(self, recording_id: str) -> Visit:
        return visit_of(self._find(recording_id))

    def snapshots(self, recording_id: str) -> Iterator[bytes]:
        """One query for the chunks; then none, and one chunk in memory at a time."""
        chunks = RecordingChunk.objects.filter(recording=self._find(recording_id)).order_by("number")
        return _in_order(list(chunks.values_list("file", "first_ms", "last_ms")))

    def delete(self, recording_id: str) -> None:
        with transaction.atomic():
            forget([self._find(recording_id).pk])

    def _of_all(self, asked: Asked) -> QuerySet[Recording]:
        return Recording.objects.begun_in(self.organization_id, asked.date_from, asked.date_to)

    def _of_campaign(self, asked: Asked, campaign_id: UUID) -> QuerySet[RecordingCampaign]:
        rows = RecordingCampaign.objects
        return rows.begun_in(self.organization_id, campaign_id, asked.date_from, asked.date_to)

    def _find(self, recording_id: str) -> Recording:
        pk = uuid_of(recording_id)
        found = Recording.objects.filter(pk=pk, organization=self.organization_id).first() if pk else None
        if found is None:
            raise NotFound("There is no such recording.")
        return found


def uuid_of(text: str) -> UUID | None:
    """What it may be the id of here: of a recording, a member or a campaign. None for one that others gave."""
    try:
        return UUID(text)
    except ValueError:
        return None


def visit_of(recording: Recording) -> Visit:
    return Visit(
        id=str(recording.pk),
        analytics_user_id=str(recording.member_id),
        started_at=recording.started_at,
        ended_at=recording.ended_at,
        activity_score=activity_score(recording),
    )


def activity_score(recording: Recording) -> float:
    """Of the seconds of the visit, those begun included, how many in a hundred the member did something in."""
    n_seconds = recording.last_ms // 1000 - recording.first_ms // 1000 + 1
    return 100 * recording.n_active_seconds / n_seconds


def forget(recordings: list[UUID]) -> None:
    """Delete recordings, and after the transaction their files. To be called inside one."""
    # Locked, so that no chunk comes to one meanwhile; in order, so that nobody waits in a circle.
    list(Recording.objects.select_for_update().filter(pk__in=recordings).order_by("pk").values_list("pk"))
    chunks = RecordingChunk.objects.filter(recording__in=recordings)
    files = list(chunks.values_list("file", flat=True))
    chunks.delete()
    Recording.objects.filter(pk__in=recordings).delete()
    stored_files.delete_after_commit(files)


def _total(
    rows: QuerySet[Recording] | QuerySet[RecordingCampaign], following: str, token: str | None, n: int
) -> int | None:
    """How many there are on all pages; None where that is more than is counted."""
    if not following and token is None:
        return n
    counted = rows.order_by()[: MOST_COUNTED + 1].count()
    return counted if counted <= MOST_COUNTED else None


def _in_order(chunks: Sequence[tuple[str, int, int]]) -> Iterator[bytes]:
    """The events of files with their first and last instants; no event is before the one it follows.

    A chunk recorded after the device's clock was put back goes on where the one before it ended.
    """
    end = 0
    for file, first_ms, last_ms in chunks:
        late = max(0, end - first_ms)
        for event in _events_in(file):
            yield _later(event, late) if late else event
        end = last_ms + late


def _later(event: bytes, ms: int) -> bytes:
    read = json.loads(event)
    read["timestamp"] += ms
    return json.dumps(read, separators=(",", ":")).encode()


def _events_in(file: str) -> Iterator[bytes]:
    """The lines of a chunk; none, where it was deleted while those before it were read."""
    try:
        stored = default_storage.open(file)
    except FileNotFoundError:
        return
    with closing(stored), gzip.GzipFile(fileobj=stored) as lines:
        for line in lines:
            yield line.rstrip(b"\n")
