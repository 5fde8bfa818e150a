"""Files that belong to rows: whatever becomes of the transaction or the process, no row is without its file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from campaigns import stored_files, tasks
from campaigns.heatmaps import screenshots
from campaigns.models import Recording, RecordingCampaign, RecordingChunk, Screenshot
from campaigns.replay import chunks, retention
from ops_console.organizations.models import Member
from ops_console.var_dir import PROJECT
from tests import bearers, campaigns, factories, heatmaps, replays, tenants
from tests.factories import NOW
from tests.replays import beginning, moved, ms, zipped
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("media")


@pytest.fixture
def who(committed_db: None) -> Member:
    made = tenants.member(factories.organization())
    replays.agree(made)
    return made


def files(media: Path) -> set[str]:
    return {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()}


def named() -> set[str]:
    """Files of rows."""
    return {*RecordingChunk.objects.values_list("file", flat=True), *Screenshot.objects.values_list("file", flat=True)}


class Broken(Exception):
    pass


# --- Transactions -----------------------------------------------------------------------------------------------------


def test_the_file_of_a_transaction_that_fails_goes(who: Member, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(number: int, to: UUID) -> None:
        replays.send(who, [moved(ms(NOW))], to=to, number=number)

    to = uuid4()

    def both(number: int) -> None:
        with transaction.atomic():
            chunk(number, to)
            heatmaps.picture(who)
            # They are there before their rows are.
            assert len(files(media)) >= 2
            raise Broken

    with pytest.raises(Broken):
        both(0)
    assert (files(media), named()) == (set(), set())
    with transaction.atomic():
        chunk(0, to)
        with pytest.raises(Broken):
            both(1)
        assert len(files(media)) == 1
        chunk(2, to)
    assert files(media) == named()
    assert len(files(media)) == 2
    # In the part of the transaction behind the file.
    with monkeypatch.context() as patched:
        patched.setattr(chunks, "_show", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            chunk(3, to)
    assert files(media) == named()
    # A picture takes the place of another; where that fails, the other stays.
    heatmaps.picture(who)
    kept = files(media)
    with pytest.raises(Broken):
        both(3)
    assert files(media) == named() == kept
    heatmaps.picture(who, colour="red")
    assert files(media) == named() != kept


def test_an_idempotency_key_that_fails_leaves_no_file(
    who: Member, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bearers.BearerClient(bearers.token_of(who))
    client.raise_request_exception = False
    path = f"/api/v1/recordings/{uuid4()}/chunks"
    headers = {"Content-Encoding": "gzip", "Idempotency-Key": "k1"}

    def post() -> int:
        content = zipped(0, beginning(ms(NOW)))
        return int(client.generic("POST", path, content, content_type="application/json", headers=headers).status_code)

    with monkeypatch.context() as patched:
        # The chunk is taken; what is to be kept of the answer is not.
        patched.setattr("ops_console.rest.once.KEPT_HEADERS", None)
        assert post() == 500
    assert (files(media), RecordingChunk.objects.count()) == (set(), 0)
    assert [post(), post()] == [201, 201]
    assert files(media) == named()
    assert RecordingChunk.objects.count() == 1


def test_where_the_connection_is_lost_the_rows_decide(who: Member, media: Path) -> None:
    """Nobody knows whether a commit that was not answered took place: the file stays until the sweep looks."""
    with pytest.raises(OperationalError):
        send_and_lose_the_connection(who)
    connections.close_all()
    assert RecordingChunk.objects.count() == 0
    assert len(files(media)) == 1
    kept = replays.send(who, [moved(ms(NOW))]).recording
    picture = heatmaps.picture(who)
    now = timezone.now()
    # It may be a transaction's that is under way.
    assert retention.sweep(now) == 0
    assert len(files(media)) == 3
    assert retention.sweep(now + timedelta(hours=2)) == 1
    assert files(media) == named() == {kept.chunks.get().file, picture.file}
    orphan = f"{screenshots.FOLDER}/{who.organization_id}/{uuid4()}.png"
    with transaction.atomic():
        stored_files.save_with_rows(orphan, b"x")
    assert tasks.sweep_files() == 0
    assert screenshots.sweep(now + timedelta(hours=2)) == 1
    assert files(media) == named()


def send_and_lose_the_connection(who: Member) -> None:
    with transaction.atomic():
        replays.send(who, [moved(ms(NOW))])
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


# --- At once, and killed ----------------------------------------------------------------------------------------------


def test_chunks_at_once_are_each_kept_once(who: Member, media: Path) -> None:
    own = campaigns.campaign(who.organization)
    to, start = uuid4(), ms(NOW)

    def send(thread: int) -> bool:
        # Each by two threads.
        number = thread // 2
        events = [replays.shown(start, own), moved(start + 1000 * number), moved(start + 500)]
        return replays.send(who, events, to=to, number=number).is_new

    told = in_threads(12, send)
    assert Counter(told) == {True: 6, False: 6}
    recording = Recording.objects.get()
    kept = RecordingChunk.objects.order_by("number")
    assert [chunk.number for chunk in kept] == list(range(6))
    assert (recording.n_chunks, recording.n_bytes) == (6, sum(chunk.n_bytes for chunk in kept))
    assert recording.n_active_seconds == 6
    assert RecordingCampaign.objects.count() == 1
    assert files(media) == named()


def test_of_two_members_who_begin_under_one_id_one_has_it(who: Member, media: Path) -> None:
    others = [who, *tenants.members(factories.organization("Others"), 3)]
    for each in others:
        replays.agree(each)
    to = uuid4()
    told = in_threads(4, lambda number: replays.send(others[number], beginning(ms(NOW)), to=to))
    assert sorted(type(each).__name__ for each in told) == ["NotFound"] * 3 + ["Taken"]
    assert RecordingChunk.objects.count() == Recording.objects.count() == 1
    assert files(media) == named()


def test_a_consent_that_is_taken_back_at_the_same_time_is_heeded(who: Member, media: Path) -> None:
    to = uuid4()

    def act(number: int) -> Any:
        if number == 3:
            replays.agree(who, recording=False)
            return RecordingChunk.objects.count()
        return replays.send(who, [moved(ms(NOW))], to=to, number=number).is_new

    told = in_threads(6, act)
    # What was not yet taken when the member's word was, never is.
    n_taken = told.pop(3)
    assert n_taken == RecordingChunk.objects.count() == told.count(True)
    assert files(media) == named()


SENDER = """
import django
django.setup()
from datetime import UTC, datetime
from uuid import UUID
from ops_console.organizations.models import Member
from ops_console.var_dir import PROJECT
from tests import replays
who = Member.objects.with_person_and_role().get(pk=UUID({member!r}))
for number in range({first}, 10_000):
    events = [replays.moved(1_792_598_400_000 + 1000 * number)]
    print(number, replays.send(who, events, to=UUID({to!r}), number=number).is_new, flush=True)
"""


def killed_sender(who: Member, to: UUID, first: int, folder: Path, n: int) -> int:
    """Send chunks from this number on, until the process is killed behind so many; return the last it told of."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    own = {"DATABASE_URL": urlunsplit(database), "REDIS_URL": django_settings.REDIS_URL, "VAR_DIR": str(folder)}
    own["DJANGO_SETTINGS_MODULE"] = "ops_console.settings"
    code = SENDER.format(member=str(who.pk), to=str(to), first=first)
    sender = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **own}, cwd=PROJECT, stdout=subprocess.PIPE
    )
    assert sender.stdout
    told = [next(sender.stdout) for _ in range(n)]
    # At whatever it is doing.
    time.sleep(0.003 * n)
    sender.kill()
    told += sender.stdout
    sender.stdout.close()
    sender.wait(30)
    return int(told[-1].split()[0])


def test_a_killed_process_loses_no_chunk_and_counts_none_twice(who: Member, tmp_path: Path, settings: Settings) -> None:
    media = tmp_path / "media"
    settings.MEDIA_ROOT = media
    to, known = uuid4(), -1
    for n in (7, 8, 9):
        known = killed_sender(who, to, known + 1, tmp_path, n)
        taken = set(RecordingChunk.objects.values_list("number", flat=True))
        # At most one more than it was told of: that is sent again, and is there already.
        assert set(range(known + 1)) <= taken <= set(range(known + 2))
        assert named() <= files(media)
        recording = Recording.objects.get()
        assert recording.n_chunks == recording.n_active_seconds == len(taken)
    n_orphans = len(files(media) - named())
    assert retention.sweep(timezone.now() + timedelta(hours=2)) == n_orphans
    assert files(media) == named()


# --- Retention --------------------------------------------------------------------------------------------------------


def test_recordings_are_forgotten_in_time_with_their_files(
    who: Member, media: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    settings.REPLAY_KEEP_DAYS = 7
    now = timezone.now()
    own = campaigns.campaign(who.organization)
    old = [replays.recorded(who, own, now=now - timedelta(days=7, hours=number)) for number in range(1, 6)]
    young = replays.recorded(who, own, now=now - timedelta(days=6, hours=23))
    assert [retention.purge_batch(now=now) for _ in range(2)] == [2, 2]
    assert Recording.objects.filter(pk__in=[each.pk for each in old]).count() == 1
    assert tasks.purge_recordings() == 1
    assert tasks.purge_recordings() == 0
    assert list(Recording.objects.all()) == [young]
    assert RecordingCampaign.objects.count() == 1
    assert files(media) == named()
    assert len(files(media)) == 1
    due = django_settings.CELERY_BEAT_SCHEDULE
    assert {due["purge-recordings"]["task"], due["sweep-files"]["task"]} == {
        tasks.purge_recordings.name,
        tasks.sweep_files.name,
    }
