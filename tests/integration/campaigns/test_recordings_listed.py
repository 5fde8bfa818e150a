"""Lists of recordings, over REST and RPC: page by page, by time and campaign, at a steady cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from protobuf.wkt import Timestamp

from campaigns.models import Campaign, Recording, RecordingChunk
from campaigns.replay import local
from ops_console.gen.pidgr.v1 import replay_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import campaigns, ops, replays, tenants
from tests.factories import NOW
from tests.pidgr import Tenant, call, code, faults

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
LIST = "ReplayService.ListSessionRecordings"


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.new()


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


def assert_tell_of(recording: Recording, row: dict[str, Any], shown: pb.SessionRecording) -> None:
    """Over REST and RPC alike."""
    assert row == {
        "id": str(recording.pk),
        "user": str(recording.member_id),
        "email": recording.member.person.email,
        "startedAt": row["startedAt"],
        "endedAt": row["endedAt"],
        "activityScore": row["activityScore"],
    }
    assert 40 <= row["activityScore"] <= 60
    assert (shown.analytics_user_id, shown.user_email) == (row["user"], row["email"])
    assert shown.start_time == Timestamp.from_datetime(recording.started_at)
    assert shown.end_time == Timestamp.from_datetime(recording.ended_at)
    assert shown.duration_seconds == 9
    assert shown.activity_score == pytest.approx(row["activityScore"])


def test_recordings_are_listed_the_newest_first_by_time_and_campaign(tenant: Tenant, subtests: pytest.Subtests) -> None:
    of, now = tenant.organization, timezone.now() - timedelta(minutes=1)
    campaign = campaigns.campaign(of)
    made = some(of, 5, campaign, until=now)
    some(Tenant.new("Others").organization, 2, until=now)
    old = replays.recorded(tenants.member(of), campaign, now=now - timedelta(days=40))
    client, token = replays.watcher(of), tenant.key(rights=[Right.CAMPAIGNS_READ])
    from_old = (now - timedelta(days=60)).isoformat()
    with subtests.test("pages"):
        rows = all_pages(client, 2)
        assert [row["id"] for row in rows] == ids(made)
        called = called_pages(token, 2, 5)
        assert [each.id for each in called] == ids(made)
        assert_tell_of(Recording.objects.get(pk=made[0].pk), rows[0], called[0])
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
    client, token = replays.watcher(of), tenant.key()
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
    others = replays.watcher(Tenant.new("Others").organization)
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
    client, token = replays.watcher(of), tenant.key()
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
