"""Recordings for those who may watch them, over REST and RPC: listed page by page, streamed, cut, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from protobuf.wkt import Timestamp
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from campaigns.models import Campaign, Recording, RecordingChunk, ReplaySettings
from campaigns.replay import local, recordings
from campaigns.replay import settings as replay_settings
from campaigns.replay.provider import Asked, Listed, Visit
from campaigns.rpc import replay as rpc
from ops_console import secrets_at_rest
from ops_console.audit.models import AuditEntry
from ops_console.errors import InvalidInput, NotFound, UpstreamError
from ops_console.gen.pidgr.v1 import replay_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import bearers, campaigns, ops, replays, tenants
from tests.factories import NOW
from tests.pidgr import Tenant, call, code, faults
from tests.replays import Event, beginning, moved, ms

pytestmark = pytest.mark.django_db
LIST, SNAPSHOTS = "ReplayService.ListSessionRecordings", "ReplayService.GetSessionSnapshots"


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.new()


def watcher(of: Organization, *rights: Right) -> bearers.BearerClient:
    return bearers.client(of, *(rights or (Right.CAMPAIGNS_READ,)))


def some(of: Organization, n: int, *shown: Campaign, until: datetime) -> list[Recording]:
    """So many, an hour apart, the newest first, each of somebody else; of the campaigns every second one."""
    return [
        replays.recorded(who, *(shown if number % 2 else ()), now=until - timedelta(hours=number))
        for number, who in enumerate(tenants.members(of, n))
    ]


def ids(found: list[Recording]) -> list[str]:
    return [str(recording.pk) for recording in found]


def all_pages(client: Any, size: int, **query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    given = {"limit": str(size), **query}
    while True:
        page = client.get("/api/v1/recordings", given).json()
        assert len(page["results"]) <= size
        assert (page["nextCursor"] is None) == (page["next"] is None)
        rows += page["results"]
        if page["nextCursor"] is None:
            return rows
        given["cursor"] = page["nextCursor"]


def called_pages(token: str, size: int, total: int, **asked: Any) -> list[pb.SessionRecording]:
    rows: list[pb.SessionRecording] = []
    place = ""
    while True:
        request = pb.ListSessionRecordingsRequest(pagination=Pagination(page_size=size, page_token=place), **asked)
        answer = call(LIST, request, token)
        assert answer.pagination.total_count == total
        rows += answer.recordings
        place = answer.pagination.next_page_token
        if not place:
            return rows


def events_of(answer: Any) -> list[Event]:
    assert answer.status_code == 200, answer.content
    assert isinstance(answer, StreamingHttpResponse)
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[arg-type]


# --- Lists ------------------------------------------------------------------------------------------------------------


def test_recordings_are_listed_the_newest_first_by_time_and_campaign(tenant: Tenant, subtests: pytest.Subtests) -> None:
    of, now = tenant.organization, timezone.now() - timedelta(minutes=1)
    campaign = campaigns.campaign(of)
    made = some(of, 5, campaign, until=now)
    some(Tenant.new("Others").organization, 2, until=now)
    old = replays.recorded(tenants.member(of), campaign, now=now - timedelta(days=40))
    client, token = watcher(of), tenant.key(rights=[Right.CAMPAIGNS_READ])
    from_old = (now - timedelta(days=60)).isoformat()
    with subtests.test("pages"):
        rows = all_pages(client, 2)
        assert [row["id"] for row in rows] == ids(made)
        first = Recording.objects.get(pk=made[0].pk)
        assert rows[0] == {
            "id": str(first.pk),
            "user": str(first.member_id),
            "email": first.member.person.email,
            "startedAt": rows[0]["startedAt"],
            "endedAt": rows[0]["endedAt"],
            "activityScore": rows[0]["activityScore"],
        }
        assert 40 <= rows[0]["activityScore"] <= 60
        called = called_pages(token, 2, 5)
        assert [each.id for each in called] == ids(made)
        shown = called[0]
        assert (shown.analytics_user_id, shown.user_email) == (rows[0]["user"], rows[0]["email"])
        assert shown.start_time == Timestamp.from_datetime(first.started_at)
        assert shown.end_time == Timestamp.from_datetime(first.ended_at)
        assert shown.duration_seconds == 9
        assert shown.activity_score == pytest.approx(rows[0]["activityScore"])
    with subtests.test("of a campaign"):
        shown_in = ids([made[1], made[3]])
        assert [row["id"] for row in all_pages(client, 1, campaign=str(campaign.pk))] == shown_in
        called = called_pages(token, 1, 2, campaign_id=str(campaign.pk))
        assert [each.id for each in called] == shown_in
        both = all_pages(client, 1, campaign=str(campaign.pk), **{"from": from_old})
        assert [row["id"] for row in both] == [*shown_in, str(old.pk)]
    with subtests.test("of a time"):
        assert [row["id"] for row in all_pages(client, 50, **{"from": from_old})] == ids([*made, old])
        start = Recording.objects.get(pk=made[2].pk).started_at
        until, since = {"to": start.isoformat()}, {"from": start.isoformat()}
        assert [row["id"] for row in all_pages(client, 2, **until)] == ids(made[3:])
        assert [row["id"] for row in all_pages(client, 2, **since)] == ids(made[:3])
        stamp = Timestamp.from_datetime(start)
        assert [each.id for each in called_pages(token, 2, 3, date_from=stamp)] == ids(made[:3])
        assert [each.id for each in called_pages(token, 2, 2, date_to=stamp)] == ids(made[3:])
    with subtests.test("for staff"):
        staff = ops.client(("recordings", "list"))
        assert [row["id"] for row in all_pages(staff, 3, organization=str(of.pk))] == ids(made)
        unnamed = staff.get("/api/v1/recordings")
        assert unnamed.status_code == 400
        assert [fault["parameter"] for fault in unnamed.json()["errors"]] == ["organization"]
        assert ops.client(("screens", "list")).get("/api/v1/recordings").status_code == 403


def test_a_token_is_good_for_its_list_alone(tenant: Tenant) -> None:
    of, now = tenant.organization, timezone.now()
    some(of, 3, until=now)
    client, token = watcher(of), tenant.key()
    cursor = client.get("/api/v1/recordings", {"limit": "1"}).json()["nextCursor"]
    campaign = str(campaigns.campaign(of).pk)
    for wrong in (
        {"cursor": cursor, "campaign": campaign},
        {"cursor": cursor, "from": "2026-01-01T00:00:00Z"},
        {"cursor": f"{cursor}x"},
        {"cursor": "x"},
        {"limit": "0"},
        {"limit": "201"},
        {"from": "yesterday"},
        {"to": "2026-01-01T00:00:00"},
        {"campaign": "x"},
        {"campaign": str(uuid4())},
        {"to": "2020-01-01T00:00:00Z", "from": "2021-01-01T00:00:00Z"},
    ):
        answer = client.get("/api/v1/recordings", wrong)
        assert answer.status_code == 400, wrong
        assert [fault["parameter"] for fault in answer.json()["errors"]] == [next(iter(wrong))], wrong
    others = watcher(Tenant.new("Others").organization)
    assert others.get("/api/v1/recordings", {"cursor": cursor}).status_code == 400
    first = call(LIST, pb.ListSessionRecordingsRequest(pagination=Pagination(page_size=1)), token)
    place = first.pagination.next_page_token
    at_page = ["pagination.page_token"]
    for asked in (
        {"pagination": Pagination(page_token=place), "campaign_id": campaign},
        {"pagination": Pagination(page_token="x")},
    ):
        assert faults(LIST, pb.ListSessionRecordingsRequest(**asked), token) == at_page
    theirs = Tenant.new("Third").key()
    request = pb.ListSessionRecordingsRequest(pagination=Pagination(page_token=place))
    assert faults(LIST, request, theirs) == at_page
    assert faults(LIST, pb.ListSessionRecordingsRequest(pagination=Pagination(page_size=201)), token) == [
        "pagination.page_size"
    ]
    assert faults(LIST, pb.ListSessionRecordingsRequest(campaign_id=str(uuid4())), token) == ["campaign_id"]
    late, early = Timestamp(seconds=2), Timestamp(seconds=1)
    assert faults(LIST, pb.ListSessionRecordingsRequest(date_from=late, date_to=early), token) == ["date_to"]
    assert faults(LIST, pb.ListSessionRecordingsRequest(date_to=Timestamp(seconds=2**60)), token) == ["date_to"]
    assert code(LIST, pb.ListSessionRecordingsRequest(), tenant.person()) == "PERMISSION_DENIED"


def test_a_list_costs_the_same_however_long_and_counts_no_further_than_it_may(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, now = tenant.organization, timezone.now()
    campaign = campaigns.campaign(of)
    client, token = watcher(of), tenant.key()
    requests = [pb.ListSessionRecordingsRequest(campaign_id=of_one) for of_one in ("", str(campaign.pk))]

    def costs() -> list[int]:
        found = []
        for query in ({}, {"campaign": str(campaign.pk)}):
            client.get("/api/v1/recordings", query)
            with CaptureQueriesContext(connection) as queries:
                assert client.get("/api/v1/recordings", query).json()["results"]
            found.append(len(queries))
        for request in requests:
            call(LIST, request, token)
            with CaptureQueriesContext(connection) as queries:
                assert call(LIST, request, token).recordings
            found.append(len(queries))
        return found

    some(of, 2, campaign, until=now)
    few = costs()
    some(of, 8, campaign, until=now)
    assert costs() == few
    assert max(few) <= 7, few
    monkeypatch.setattr(local, "MOST_COUNTED", 3)
    one = Pagination(page_size=1)
    assert [call(LIST, request, token).pagination.total_count for request in requests] == [10, 5]
    for request in requests:
        request.pagination = one
        assert call(LIST, request, token).pagination.total_count == 0
    with CaptureQueriesContext(connection) as queries:
        call(LIST, requests[0], token)
    assert any("LIMIT 4" in query["sql"] for query in queries.captured_queries)


def test_each_page_is_read_by_an_index(tenant: Tenant) -> None:
    of = tenant.organization
    campaign = campaigns.campaign(of)
    some(of, 2, campaign, until=NOW)
    start, end = NOW - timedelta(days=1), NOW
    pages: dict[str, Any] = {
        "recording_newest": Recording.objects.begun_in(of.pk, start, end).order_by("-started_at", "-id")[:50],
        "recording_campaign_newest": campaign.recordings.begun_in(of.pk, campaign.pk, start, end).order_by(
            "-started_at", "-recording_id"
        )[:50],
        "recording_created": Recording.objects.past_time(NOW)[:50],
        "recording_chunk_once": RecordingChunk.objects.filter(recording=uuid4()).order_by("number"),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        for index, rows in pages.items():
            plan = rows.explain()
            assert index in plan, plan
            assert "Sort" not in plan, plan


# --- Watching ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def visit(tenant: Tenant) -> list[Event]:
    """What is kept of a visit in three chunks, of which two came in another order; ``Recording.objects.get()``."""
    who, start = tenants.member(tenant.organization), ms(NOW)
    replays.agree(who)
    parts = [
        beginning(start),
        [moved(start + 1000 * second) for second in range(1, 5)],
        beginning(start + 6_000, "Größe 🕊"),
    ]
    to = uuid4()
    for number in (0, 2, 1):
        replays.send(who, parts[number], to=to, number=number)
    return [event for part in parts for event in part]


def path_of(what: str = "") -> str:
    return f"/api/v1/recordings/{Recording.objects.get().pk}{what}"


def views() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action="replay.view").order_by("id"))


def test_a_recording_is_played_in_order_and_that_is_on_record_first(tenant: Tenant, visit: list[Event]) -> None:
    pk = str(Recording.objects.get().pk)
    answer = watcher(tenant.organization).get(path_of("/snapshots"))
    # Before the first event is read.
    [seen] = views()
    assert (seen.target_type, seen.target_id, seen.chain_id) == ("recording", pk, str(tenant.organization.pk))
    assert seen.after["user"] == str(Recording.objects.get().member_id)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/x-ndjson", "no-store")
    assert events_of(answer) == visit
    told = call(SNAPSHOTS, pb.GetSessionSnapshotsRequest(recording_id=pk), tenant.key())
    assert json.loads(told.snapshot_data) == visit
    assert len(views()) == 2
    staff = ops.client(("recordings", "retrieve"))
    assert events_of(staff.get(path_of("/snapshots"))) == visit
    assert events_of(staff.get(path_of("/snapshots"), {"organization": str(tenant.organization.pk)})) == visit
    assert views()[-1].actor == staff.person.email
    assert len(views()) == 4
    assert watcher(tenant.organization).get(path_of()).json()["id"] == pk
    assert len(views()) == 4


def test_who_may_not_watch_or_delete(tenant: Tenant, visit: list[Event], subtests: pytest.Subtests) -> None:
    pk = str(Recording.objects.get().pk)
    strangers = Tenant.new("Others")
    everything = [right for right in Right if right is not Right.CAMPAIGNS_READ]
    may_not = watcher(tenant.organization, *everything), ops.client(("recordings", "list"))
    # The permission that staff list with is the one they watch with.
    for client, status in ((ops.ApiClient(), 401), (may_not[0], 403), (ops.client(("screens", "list")), 403)):
        assert client.get(path_of("/snapshots")).status_code == status
        assert client.get(path_of()).status_code == status
    for client, status in ((ops.ApiClient(), 401), (watcher(tenant.organization), 403), (may_not[1], 403)):
        assert client.delete(path_of()).status_code == status
    with subtests.test("another tenant's"):
        theirs = watcher(strangers.organization, *Right)
        for path in (path_of(), path_of("/snapshots")):
            answers = [theirs.get(path), theirs.get(path, {"organization": str(tenant.organization.pk)})]
            assert [answer.status_code for answer in answers] == [404, 404]
        assert theirs.delete(path_of()).status_code == 404
        request = pb.GetSessionSnapshotsRequest(recording_id=pk)
        assert code(SNAPSHOTS, request, strangers.key()) == "NOT_FOUND"
        assert code(SNAPSHOTS, request, tenant.person()) == "PERMISSION_DENIED"
        assert code(SNAPSHOTS, request) == "UNAUTHENTICATED"
        staff = ops.client(("recordings", "retrieve"))
        assert staff.get(path_of(), {"organization": str(strangers.organization.pk)}).status_code == 404
    with subtests.test("none"):
        for name in ("x", str(uuid4())):
            request = pb.GetSessionSnapshotsRequest(recording_id=name)
            assert code(SNAPSHOTS, request, tenant.key()) == "NOT_FOUND"
            assert watcher(tenant.organization).get(f"/api/v1/recordings/{name}/snapshots").status_code == 404
        assert code(SNAPSHOTS, pb.GetSessionSnapshotsRequest(), tenant.key()) == "INVALID_ARGUMENT"
        wrong = watcher(tenant.organization).get(path_of(), {"organization": "x"})
        assert [fault["parameter"] for fault in wrong.json()["errors"]] == ["organization"]
    assert views() == []
    assert Recording.objects.count() == 1


def test_what_is_deleted_is_gone_with_its_files(
    tenant: Tenant,
    visit: list[Event],
    media: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    path, pk = path_of(), str(Recording.objects.get().pk)
    kept = replays.recorded(tenants.member(tenant.organization), now=NOW)
    client = watcher(tenant.organization, Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE)
    watching: Any = client.get(f"{path}/snapshots")
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert list(Recording.objects.all()) == [kept]
    assert len([file for file in media.rglob("*") if file.is_file()]) == 1
    assert [client.delete(path).status_code, client.get(path).status_code] == [404, 404]
    [entry] = AuditEntry.objects.filter(action="replay.delete")
    assert (entry.target_id, entry.chain_id) == (pk, str(tenant.organization.pk))
    # Whoever was watching sees it end.
    assert b"".join(watching.streaming_content).count(b"\n") <= len(visit)


def test_a_clock_that_was_put_back_stops_no_player(tenant: Tenant) -> None:
    who, start = tenants.member(tenant.organization), ms(NOW)
    replays.agree(who)
    to = uuid4()
    for number, at in enumerate((start, start - 3_600_000, start - 3_600_000 + 10_000, start + 20_000)):
        replays.send(who, [moved(at), moved(at + 9_000)], to=to, number=number, now=NOW + timedelta(seconds=number))
    played = [event["timestamp"] - start for event in events_of(watcher(who.organization).get(path_of("/snapshots")))]
    assert played == [0, 9_000, 9_000, 18_000, 18_000, 27_000, 27_000, 36_000]


def test_a_long_recording_is_cut_at_a_snapshot(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    who, start = tenants.member(tenant.organization), ms(NOW)
    replays.agree(who)
    to = uuid4()
    for number in range(5):
        at = start + 1000 * number
        replays.send(who, [*beginning(at, "x" * 900_000), moved(at)], to=to, number=number)
    request = pb.GetSessionSnapshotsRequest(recording_id=str(to))
    text = call(SNAPSHOTS, request, tenant.key()).snapshot_data
    assert 2.5 * 2**20 < len(text.encode()) <= rpc.MOST_BYTES
    assert [event["type"] for event in json.loads(text)] == [4, 2, 3] * 3
    assert len(events_of(watcher(who.organization).get(path_of("/snapshots")))) == 15


# --- Another provider -------------------------------------------------------------------------------------------------


class Elsewhere:
    """A provider that answers as it is told."""

    def __init__(self, *visits: Visit) -> None:
        self.visits = visits
        self.asked: list[Any] = []

    def list(self, asked: Asked, *, following: str, size: int) -> Listed:
        self.asked.append((asked, following, size))
        if following == "stale":
            raise InvalidInput.field("page_token", message="This is no page token of ours.")
        return Listed(self.visits, "" if following else "stale", None)

    def find(self, recording_id: str) -> Visit:
        for visit in self.visits:
            if visit.id == recording_id:
                return visit
        raise NotFound()

    def snapshots(self, recording_id: str) -> Iterator[bytes]:
        # On record, and committed, before anything is asked for.
        assert views()
        raise UpstreamError("PostHog is away.")
        yield b""

    def delete(self, recording_id: str) -> None:
        raise UpstreamError("PostHog is away.")


def test_any_provider_is_listed_and_watched_in_the_same_way(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = tenants.member(tenant.organization), Tenant.new("Others").founder
    known = {str(own.pk): own.person.email, str(other.pk): "p@other.example", "distinct": "p@posthog.example"}
    visits = [
        Visit(f"{user:_<70}", user, NOW, NOW + timedelta(seconds=90), 12.5, "p@other.example" if "-" in user else email)
        for user, email in known.items()
    ]
    provider = Elsewhere(*visits)
    monkeypatch.setattr(recordings, "provider_of", lambda organization_id: provider)
    client = watcher(tenant.organization, Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE)
    page = client.get("/api/v1/recordings").json()
    assert [row["email"] for row in page["results"]] == list(known.values())
    stale = client.get("/api/v1/recordings", {"cursor": page["nextCursor"]})
    assert [fault["parameter"] for fault in stale.json()["errors"]] == ["cursor"]
    token = tenant.key()
    answer = call(LIST, pb.ListSessionRecordingsRequest(pagination=Pagination(page_size=7)), token)
    assert (answer.pagination.total_count, answer.recordings[0].duration_seconds) == (0, 90)
    assert provider.asked[-1][1:] == ("", 7)
    stale_page = Pagination(page_size=7, page_token=answer.pagination.next_page_token)
    request = pb.ListSessionRecordingsRequest(pagination=stale_page)
    assert faults(LIST, request, token) == ["pagination.page_token"]
    path = f"/api/v1/recordings/{visits[0].id}"
    answers = [client.get(f"{path}/snapshots"), client.delete(path)]
    assert [answer.status_code for answer in answers] == [502, 502]
    assert code(SNAPSHOTS, pb.GetSessionSnapshotsRequest(recording_id=visits[0].id), token) == "UNAVAILABLE"
    assert len(views()) == 2
    # It may be deleted there, though its answer was lost.
    assert AuditEntry.objects.filter(action="replay.delete").count() == 1
    staff = ops.client(("recordings", "retrieve"))
    assert staff.get(path).status_code == 404
    assert staff.get(path, {"organization": str(tenant.organization.pk)}).status_code == 200


def test_who_chose_posthog_is_shown_what_is_there(tenant: Tenant) -> None:
    assert isinstance(replay_settings.provider_of(tenant.organization.pk), local.LocalProvider)
    kept = ReplaySettings(organization=tenant.organization, provider="posthog", posthog_host="https://eu.posthog.com")
    kept.posthog_project, kept.updated_at = "7", NOW
    kept.posthog_key = secrets_at_rest.encrypt("phx_secret")
    kept.save()
    provider: Any = replay_settings.provider_of(tenant.organization.pk)
    calls = provider._calls
    assert (calls.host, calls.project, calls.key) == ("https://eu.posthog.com", "7", "phx_secret")
    assert calls.organization_id == tenant.organization.pk
    assert "phx_secret" not in repr(provider)
    assert replay_settings.reencrypt_settings() == 1
    again: Any = replay_settings.provider_of(tenant.organization.pk)
    assert again._calls == calls
