"""Forgetting recordings whose time is over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from django.conf import settings
from django.db import transaction

from campaigns import stored_files
from campaigns.models import Recording, RecordingChunk
from campaigns.replay.chunks import FOLDER
from campaigns.replay.local import forget, uuid_of

# Recordings of one transaction: of as many chunks as the page made.
AT_ONCE = 50
UUID_LENGTH = 36


def purge_batch(*, now: datetime) -> int:
    """Delete some recordings whose first chunk came more than ``REPLAY_KEEP_DAYS`` ago; return how many."""
    before = now - timedelta(days=settings.REPLAY_KEEP_DAYS)
    with transaction.atomic():
        rows = Recording.objects.past_time(before).select_for_update(skip_locked=True)
        found = list(rows.values_list("pk", flat=True)[:AT_ONCE])
        forget(found)
    return len(found)


def sweep(now: datetime) -> int:
    """Delete files that a killed process left; return how many."""
    return stored_files.sweep(FOLDER, rows_with=_with_rows, now=now)


def _with_rows(names: Collection[str]) -> set[str]:
    """Those that are chunks': a file's name begins with the recording's id."""
    ids = {PurePosixPath(name).name[:UUID_LENGTH] for name in names}
    return RecordingChunk.objects.files_among(names, [pk for each in ids if (pk := uuid_of(each))])
