"""Recording visits, over HTTP: which chunks are taken, and what becomes of a visit that they add up to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.models import Consent, Recording, RecordingCampaign, RecordingChunk, ReplaySettings
from campaigns.replay import chunks
from campaigns.replay.events import MOST_BYTES, MOST_SESSION_BYTES, Chunk
from campaigns.replay.local import activity_score
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import bearers, campaigns, factories, ops, replays, tenants
from tests.bearers import BearerClient
from tests.factories import NOW
from tests.replays import Event, beginning, body, moved, ms, zipped

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def who(db: None) -> Member:
    return tenants.member(factories.organization())


class Page(BearerClient):
    """A page of a member's that records."""

    def __init__(self, who: Member) -> None:
        super().__init__(bearers.token_of(who))
        self.recording = uuid4()

    def agree(self, **said: bool) -> Any:
        return self.send("consents", said or {"recording": True}, method="PUT")

    def post(self, content: bytes, *, encoding: str | None = "gzip", to: UUID | str = "", key: str = "") -> Any:  # type: ignore[override]
        headers = {"Content-Encoding": encoding} if encoding else {}
        if key:
            headers["Idempotency-Key"] = key
        path = f"/api/v1/recordings/{to or self.recording}/chunks"
        return self.generic("POST", path, content, content_type="application/json", headers=headers)

    def chunk(self, number: int, events: Sequence[Event], **how: Any) -> Any:
        return self.post(zipped(number, events), **how)


@pytest.fixture
def page(who: Member) -> Page:
    made = Page(who)
    assert made.agree().status_code == 200
    return made


def said(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def test_a_member_agrees_and_takes_it_back(who: Member) -> None:
    page = Page(who)
    unasked = {"touches": None, "recording": None, "isRecordingOffered": True, "isTextMasked": True}
    assert page.get("/api/v1/consents").json() == unasked
    assert not Consent.objects.exists()
    assert page.agree(recording=True).json() == {**unasked, "recording": True}
    assert page.agree(touches=False).json() == {**unasked, "recording": True, "touches": False}
    first = Consent.objects.get(member=who)
    assert page.agree(recording=True).json()["recording"] is True
    assert Consent.objects.get(member=who).recording_at == first.recording_at
    assert page.agree(recording=False).json()["recording"] is False
    assert Consent.objects.filter(member=who, recording_at__gt=first.recording_at).exists()
    audited = AuditEntry.objects.filter(action="consent.set", target_id=str(who.pk)).order_by("id")
    assert [entry.after for entry in audited] == [{"recording": True}, {"touches": False}, {"recording": False}]
    for wrong in ({"recording": "yes"}, {"recording": None}, {"more": True}):
        assert page.send("consents", wrong, method="PUT").status_code == 400, wrong
    assert page.send("consents", {}, method="PUT").json() == {**unasked, "recording": False, "touches": False}
    # Another's stays another's.
    assert Page(tenants.member(who.organization)).get("/api/v1/consents").json() == unasked


def test_a_visit_is_kept_chunk_by_chunk(page: Page, who: Member, media: Path) -> None:
    start = ms(timezone.now()) // 1000 * 1000 - 20_000
    own, other = campaigns.campaign(who.organization), campaigns.campaign(factories.organization("Others"))
    first = [*beginning(start), replays.shown(start, own), replays.shown(start, other), replays.shown(start, uuid4())]
    answer = page.chunk(0, first)
    assert (answer.status_code, answer.json()) == (
        201,
        {"recording": str(page.recording), "number": 0, "nBytes": len(body(0, first))},
    )
    second = [moved(start + 10_000), moved(start + 10_400), moved(start + 19_000)]
    assert page.post(body(2, second), encoding=None).status_code == 201
    recording = Recording.objects.get()
    assert (recording.pk, recording.member, recording.organization) == (page.recording, who, who.organization)
    assert (recording.n_chunks, recording.n_bytes) == (2, len(body(0, first)) + len(body(2, second)))
    assert (recording.n_active_seconds, activity_score(recording)) == (2, 10.0)
    assert [each.campaign_id for each in RecordingCampaign.objects.all()] == [own.pk]
    assert RecordingCampaign.objects.get().started_at == recording.started_at
    kept = RecordingChunk.objects.order_by("number")
    for chunk, events in zip(kept, (first, second), strict=True):
        with default_storage.open(chunk.file) as stored:
            lines = gzip.decompress(stored.read()).splitlines()
        assert [json.loads(line) for line in lines] == events
    assert sorted(str(path.relative_to(media)) for path in files(media)) == sorted(chunk.file for chunk in kept)


def test_the_same_chunk_again_changes_nothing_and_another_is_refused(page: Page, media: Path) -> None:
    events = beginning(ms(NOW))
    first = page.chunk(0, events)
    again = page.post(body(0, events), encoding=None)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert said(page.chunk(0, beginning(ms(NOW), "Others"))) == (409, "chunk_differs")
    assert (Recording.objects.get().n_chunks, len(files(media))) == (1, 1)
    # With a key, the answer too is that of the first.
    keyed = [page.chunk(1, events, key="k1") for _ in range(2)]
    assert [answer.status_code for answer in keyed] == [201, 201]
    assert keyed[1]["Idempotency-Replayed"] == "true"
    assert (Recording.objects.get().n_chunks, len(files(media))) == (2, 2)


def test_who_is_not_recorded(who: Member, media: Path) -> None:
    page, events = Page(who), beginning(ms(NOW))
    no_consent = (409, "no_consent")
    assert said(page.chunk(0, events)) == no_consent
    page.agree(touches=True)
    assert said(page.chunk(0, events)) == no_consent
    page.agree(recording=False)
    assert said(page.chunk(0, events)) == no_consent
    page.agree(recording=True)
    assert page.chunk(0, events).status_code == 201
    # Not even what was taken before is told once the consent is taken back.
    page.agree(recording=False)
    assert said(page.chunk(0, events)) == no_consent
    assert said(page.chunk(1, events)) == no_consent
    page.agree(recording=True)
    said_so = ReplaySettings.objects.create(organization=who.organization, is_offered=False, updated_at=NOW)
    assert said(page.chunk(1, events)) == no_consent
    assert page.get("/api/v1/consents").json()["isRecordingOffered"] is False
    said_so.is_offered, said_so.provider, said_so.masks_text = True, "posthog", False
    said_so.save()
    assert said(page.chunk(1, events)) == no_consent
    told = page.get("/api/v1/consents").json()
    assert (told["isRecordingOffered"], told["isTextMasked"]) == (False, False)
    assert (Recording.objects.get().n_chunks, len(files(media))) == (1, 1)


def test_who_may_not_record(page: Page, who: Member) -> None:
    content = zipped(0, beginning(ms(NOW)))
    path = f"/api/v1/recordings/{page.recording}/chunks"
    for client, status in (
        (ops.ApiClient(), 401),
        (BearerClient(bearers.key_text(who.organization, *Right)), 403),
        (BearerClient(bearers.founders_token()), 403),
        (ops.StaffClient(factories.superuser()), 403),
    ):
        answer = client.generic("POST", path, content, content_type="application/json")
        assert answer.status_code == status
        assert client.get("/api/v1/consents").status_code == status
    assert page.get(path).status_code == 405


def test_anothers_recording_is_not_there(page: Page, who: Member, media: Path) -> None:
    page.chunk(0, beginning(ms(NOW)))
    for stranger in (tenants.member(who.organization), tenants.member(factories.organization("Others"))):
        theirs = Page(stranger)
        theirs.agree()
        for number in (0, 1):
            assert said(theirs.chunk(number, beginning(ms(NOW)), to=page.recording)) == (404, "not_found")
    assert said(page.chunk(0, beginning(0), to="x")) == (404, "not_found")
    assert (RecordingChunk.objects.count(), len(files(media))) == (1, 1)


def test_what_is_too_large_or_no_chunk(page: Page, media: Path) -> None:
    def padded(n_bytes: int, number: int = 0) -> bytes:
        event = {**moved(ms(NOW)), "pad": ""}
        event["pad"] = "x" * (n_bytes - len(body(number, [event])))
        return body(number, [event])

    too_large = (413, "too_large")
    assert said(page.post(gzip.compress(bytes(100 * 2**20)))) == too_large
    for encoding, pack in (("gzip", gzip.compress), (None, bytes)):
        assert said(page.post(pack(padded(MOST_BYTES + 1)), encoding=encoding)) == too_large
        assert said(page.post(pack(padded(MOST_BYTES + 1)), encoding=encoding, key="k")) == too_large
    assert said(page.post(b"x")) == (400, "invalid")
    assert said(page.post(b"")) == (400, "invalid")
    assert said(page.post(b"", encoding=None)) == (400, "invalid")
    assert said(page.post(b"x", encoding="br")) == (415, "unsupported_media_type")
    answer = page.chunk(0, [{"type": 9, "timestamp": 1, "data": {}}])
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/events/0/type"]
    assert (Recording.objects.count(), files(media)) == (0, [])
    assert page.post(padded(MOST_BYTES), encoding=None).status_code == 201
    # The last that there is room for, and no byte more.
    Recording.objects.update(n_bytes=MOST_SESSION_BYTES - 1000)
    assert said(page.post(padded(1001, 1), encoding=None)) == (413, "session_full")
    assert page.post(padded(1000, 1), encoding=None).status_code == 201
    assert said(page.chunk(2, beginning(ms(NOW)))) == (413, "session_full")
    assert (Recording.objects.get().n_chunks, len(files(media))) == (2, 2)


def test_an_organization_says_how_it_records(who: Member, subtests: pytest.Subtests) -> None:
    manager = bearers.client(who.organization, Right.ORG_READ, Right.ORG_WRITE)
    unsaid = {"provider": "local", "isOffered": True, "masksText": True, "posthogHost": "", "posthogProject": ""}
    shown = {**unsaid, "organization": str(who.organization_id), "hasPosthogKey": False}
    page, refuser, foreign = (
        Page(who),
        Page(tenants.member(who.organization)),
        Page(tenants.member(factories.organization("F"))),
    )
    for each in (page, foreign):
        each.agree(recording=True, touches=True)
    refuser.agree(recording=False, touches=True)
    assert manager.get("/api/v1/replay-settings").json() == shown
    # Kept for the day it is turned on; shown to nobody.
    at_posthog = {**unsaid, "posthogHost": "https://eu.posthog.com", "posthogProject": "7", "posthogKey": "phx_secret"}
    answer = manager.send("replay-settings", {**at_posthog, "masksText": False}, method="PUT")
    assert answer.status_code == 200, answer.content
    del at_posthog["posthogKey"]
    assert answer.json() == {**shown, **at_posthog, "masksText": False, "hasPosthogKey": True}
    assert manager.get("/api/v1/replay-settings").json() == answer.json()
    kept = ReplaySettings.objects.get()
    assert b"phx_secret" not in bytes(kept.posthog_key)
    entry = AuditEntry.objects.filter(action="replay.set_settings").latest("id")
    assert entry.before["has_posthog_key"] is False
    assert (entry.after["masks_text"], entry.after["has_posthog_key"]) == (False, True)
    assert "phx_secret" not in str((entry.before, entry.after))
    # What they agreed to was with all text masked.
    agreed = [each.get("/api/v1/consents").json() for each in (page, refuser, foreign)]
    assert [(each["recording"], each["touches"]) for each in agreed] == [(None, None), (False, None), (True, True)]
    page.agree(recording=True)
    n_audited = AuditEntry.objects.count()
    assert manager.send("replay-settings", {**at_posthog, "masksText": False}, method="PUT").json() == answer.json()
    assert page.get("/api/v1/consents").json()["recording"] is True
    assert AuditEntry.objects.count() == n_audited
    with subtests.test("the key goes to no other host than it was given for"):
        elsewhere = {**at_posthog, "posthogHost": "https://thief.example"}
        faults = manager.send("replay-settings", elsewhere, method="PUT").json()["errors"]
        assert [(fault["pointer"], fault["code"]) for fault in faults] == [("/posthogKey", "required")]
        manager.send("replay-settings", {**elsewhere, "posthogKey": ""}, method="PUT")
        assert manager.get("/api/v1/replay-settings").json()["hasPosthogKey"] is False
    with subtests.test("PostHog needs all three"):
        faults = manager.send("replay-settings", {**unsaid, "provider": "posthog"}, method="PUT").json()["errors"]
        assert [fault["pointer"] for fault in faults] == ["/posthogHost", "/posthogProject", "/posthogKey"]
    with subtests.test("malformed"):
        for wrong in ({"provider": "other"}, {"isOffered": 1}, {"posthogHost": "x" * 201}, {"more": 1}):
            answer = manager.send("replay-settings", {**unsaid, **wrong}, method="PUT")
            assert answer.status_code == 400, wrong
            assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"/{next(iter(wrong))}"]


# --- By our clock -----------------------------------------------------------------------------------------------------


def test_a_visit_is_placed_by_our_clock_however_wrong_the_devices_is(who: Member) -> None:
    replays.agree(who)
    for wrong in (timedelta(0), timedelta(days=-4000), timedelta(days=4000)):
        device = NOW + wrong
        first = [*beginning(ms(device) - 9_000), moved(ms(device))]
        # It was under way for two seconds, the second for none.
        to = replays.send(who, first, now=NOW + timedelta(seconds=2)).recording.pk
        later = NOW + timedelta(seconds=10)
        recording = replays.send(who, [moved(ms(device) + 10_000)], to=to, number=1, now=later).recording
        assert recording.started_at == NOW - timedelta(seconds=9)
        assert recording.ended_at == later
        # An earlier chunk that comes late.
        own = campaigns.campaign(who.organization)
        late = [replays.shown(ms(device) - 20_000, own)]
        recording = replays.send(who, late, to=to, number=2, now=later).recording
        assert recording.started_at == NOW - timedelta(seconds=20)
        assert RecordingCampaign.objects.get(campaign=own).started_at == recording.started_at
        assert Recording.objects.get(pk=to).started_at == recording.started_at


MOMENTS = st.integers(0, 8_640_000_000_000_000) | st.integers(ms(NOW) - 10**7, ms(NOW) + 10**7)
VISITS = st.lists(st.tuples(MOMENTS, MOMENTS, st.integers(0, 10**6)), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(sent=VISITS)
def test_no_visit_ends_in_the_future_or_began_long_before_it_was_told_of(
    sent: list[tuple[int, int, int]],
) -> None:
    recording: Recording | None = None
    now = NOW
    for number, (one, other, wait_ms) in enumerate(sent):
        now += timedelta(milliseconds=wait_ms)
        chunk = Chunk(number, b"", 1, min(one, other), max(one, other), [], frozenset())
        if recording is None:
            recording = Recording(
                first_ms=chunk.first_ms,
                last_ms=chunk.last_ms,
                offset_ms=ms(now) - chunk.last_ms,
                created_at=now,
            )
        chunks.place(recording, chunk, now)
        assert recording.created_at - chunks.LONGEST_WAIT <= recording.started_at <= recording.created_at
        assert recording.created_at <= recording.ended_at <= now


def test_the_server_takes_its_own_time(page: Page) -> None:
    with time_machine.travel(NOW, tick=False):
        page = Page(Member.objects.get(pk=Consent.objects.get().member_id))
        page.chunk(0, beginning(5_000))
    recording = Recording.objects.get()
    assert (recording.started_at, recording.ended_at, recording.created_at) == (NOW, NOW, NOW)
