"""HeatmapService through the whole pipeline: what it takes, refuses and tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from protobuf.wkt import Timestamp
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from campaigns.heatmaps import privacy, queries, screens
from campaigns.heatmaps.queries import Asked
from campaigns.models import Screen
from campaigns.replay import consents
from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import heatmap_pb as pb
from ops_console.organizations.rights import Right
from tests import campaigns, factories, heatmaps, tenants
from tests.heatmaps import SCREEN
from tests.pidgr import Tenant, call, code, faults, token_of

pytestmark = pytest.mark.django_db
TAP, SCROLL = pb.TouchEventType.TAP, pb.TouchEventType.SCROLL
TOTAL, MEDIAN, SPECIFIC = (pb.HeatmapMode(number) for number in (1, 2, 3))


def event(x: float = 0.5, y: float = 0.5, **given: Any) -> pb.TouchEvent:
    return pb.TouchEvent(**{"screen_name": SCREEN, "x_pct": x, "y_pct": y, "event_type": TAP, **given})


def ingest(credential: str, *events: pb.TouchEvent, **headers: str) -> int:
    request = pb.IngestTouchEventsRequest(events=list(events))
    return int(call("HeatmapService.IngestTouchEvents", request, credential, **headers).ingested_count)


def query(credential: str, **asked: Any) -> Any:
    request = pb.QueryHeatmapDataRequest(**{"screen_name": SCREEN, **asked})
    return call("HeatmapService.QueryHeatmapData", request, credential)


def shown(answer: Any) -> dict[tuple[float, float], float]:
    return {(round(point.x_pct, 5), round(point.y_pct, 5)): point.value for point in answer.data_points}


def kept() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        columns = "received_at, client_at, member_id, x, y, screen_width, screen_height, event_type"
        cursor.execute(f"SELECT {columns} FROM campaigns_touch ORDER BY cell")
        return list(cursor.fetchall())


@pytest.fixture
def tenant(settings: Settings) -> Tenant:
    settings.HEATMAP_MIN_USERS = 1
    return Tenant.new()


def test_touches_are_kept_as_they_were_told_with_both_clocks(tenant: Tenant) -> None:
    who = tenants.member(tenant.organization)
    clock = datetime(2026, 3, 18, 9, 29, 59, 123456, UTC)
    begun = datetime.now(UTC)
    told = Timestamp.from_datetime(clock)
    one = event(0.25, 0.0, client_timestamp=told, screen_width=390, screen_height=844)
    assert ingest(token_of(who), one, event(1.0, 1.0, event_type=SCROLL)) == 2
    (received, *first), (again, *second) = kept()
    assert begun <= received == again <= datetime.now(UTC)
    assert first == [clock, who.pk, 0.25, 0.0, 390, 844, 1]
    assert second == [None, who.pk, 1.0, 1.0, 0, 0, 3]
    assert ingest(token_of(who)) == 0
    assert Screen.objects.get().name == SCREEN


def test_who_says_no_is_not_counted_and_who_was_never_asked_is(tenant: Tenant) -> None:
    who = tenants.member(tenant.organization)
    assert ingest(token_of(who), event()) == 1
    consents.set_consents(touches=False, actor=tenants.signed_in(who), now=datetime.now(UTC))
    request = pb.IngestTouchEventsRequest(events=[event()])
    assert code("HeatmapService.IngestTouchEvents", request, token_of(who)) == "FAILED_PRECONDITION"
    picture = pb.UploadScreenshotRequest(screen_name=SCREEN, image_data=b"any")
    assert code("HeatmapService.UploadScreenshot", picture, token_of(who)) == "FAILED_PRECONDITION"
    assert len(kept()) == 1
    consents.set_consents(touches=True, actor=tenants.signed_in(who), now=datetime.now(UTC))
    assert ingest(token_of(who), event()) == 1


def test_a_repeated_batch_counts_once(tenant: Tenant) -> None:
    token = tenant.person()
    for _ in range(2):
        assert ingest(token, event(), event(), idempotency_key="visit-1") == 2
    assert len(kept()) == 2


def test_a_batch_with_a_fault_leaves_nothing_and_names_every_field(tenant: Tenant) -> None:
    token = tenant.person()
    bad = [
        event(),
        event(screen_name="", event_type=pb.TouchEventType(0)),
        event(screen_width=-1, screen_height=-5),
    ]

    def refused(*events: pb.TouchEvent) -> list[str]:
        return faults("HeatmapService.IngestTouchEvents", pb.IngestTouchEventsRequest(events=list(events)), token)

    assert refused(*bad) == [
        "events[1].screen_name",
        "events[1].event_type",
        "events[2].screen_width",
        "events[2].screen_height",
    ]
    assert refused(event(), event(x=1.5, y=float("nan"))) == ["events[1].x_pct", "events[1].y_pct"]
    late = Timestamp(seconds=10**12)
    assert refused(event(client_timestamp=late), event()) == ["events[0].client_timestamp"]
    assert refused(*[event()] * 101) == ["events"]
    assert kept() == []
    assert ingest(token, *[event()] * 100) == 100


def test_an_organization_has_so_many_names_beside_those_of_its_campaigns(
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(screens, "MOST_NAMES", 3)
    token, other = tenant.person(), Tenant.new("Others")
    own = [f"MessageDetail::{campaigns.campaign(tenant.organization).pk}" for _ in range(2)]
    theirs = f"MessageDetail::{campaigns.campaign(other.organization).pk}"
    ingest(token, *[event(screen_name=name) for name in (SCREEN, own[0], "A")])

    def refused(*names: str) -> list[str]:
        request = pb.IngestTouchEventsRequest(events=[event(screen_name=name) for name in names])
        return faults("HeatmapService.IngestTouchEvents", request, token)

    # There is room for one.
    assert refused("C", SCREEN, "B", own[1], "C") == ["events[0].screen_name", "events[4].screen_name"]
    assert (len(kept()), Screen.objects.count()) == (3, 3)
    assert ingest(token, event(screen_name="B"), event(screen_name=own[1])) == 2
    for name in ("C", theirs, "MessageDetail::1", own[0].upper(), f"{own[0]}1"):
        assert refused("A", name) == ["events[1].screen_name"], name
    picture = pb.UploadScreenshotRequest(screen_name="C", image_data=heatmaps.png())
    assert faults("HeatmapService.UploadScreenshot", picture, token) == ["screen_name"]
    # Those it has are taken as ever, by one query, and by none once they are remembered.
    for n_queries in (1, 0):
        with CaptureQueriesContext(connection) as asked, django_capture_on_commit_callbacks(execute=True):
            assert ingest(token, *[event(screen_name=name) for name in (SCREEN, "A", "B", *own)]) == 5
        assert sum("campaigns_screen" in each["sql"] for each in asked) == n_queries
    assert ingest(token_of(tenants.member(other.organization)), event(screen_name="C")) == 1


def test_cells_are_named_by_their_centres_and_the_last_holds_the_edge(tenant: Tenant) -> None:
    token, reader = tenant.person(), tenant.key(rights=[Right.CAMPAIGNS_READ])
    ingest(token, event(0.0, 0.0), event(0.019, 0.02), event(1.0, 1.0), event(0.985, 0.999), event(0.3, 0.3))
    assert shown(query(reader)) == {(0.01, 0.01): 1, (0.01, 0.03): 1, (0.99, 0.99): 2, (0.31, 0.31): 1}
    # Rounded to a multiple of 0.005, halves up; the last cell of one that does not divide the screen is narrower.
    assert shown(query(reader, grid_resolution=0.0123))[0.005, 0.005] == 1
    assert shown(query(reader, grid_resolution=0.0325))[0.99, 0.99] == 2
    assert shown(query(reader, grid_resolution=0.005))[0.9975, 0.9975] == 1
    assert shown(query(reader, grid_resolution=0.1))[0.95, 0.95] == 2


def test_the_last_thirty_days_are_meant_unless_it_is_said(tenant: Tenant) -> None:
    who, reader, now = tenants.member(tenant.organization), tenant.key(), datetime.now(UTC)
    for days in (0, 29, 31):
        heatmaps.touch(who, (0.5, 0.5), now=now - timedelta(days=days, minutes=1))
    assert shown(query(reader)) == {(0.51, 0.51): 2}
    first = Timestamp.from_datetime(now - timedelta(days=40))
    until = Timestamp.from_datetime(now - timedelta(days=30))
    assert shown(query(reader, date_from=first)) == {(0.51, 0.51): 3}
    assert shown(query(reader, date_from=first, date_to=until)) == {(0.51, 0.51): 1}
    # Thirty days before the end that is said.
    assert shown(query(reader, date_to=Timestamp.from_datetime(now - timedelta(days=3)))) == {(0.51, 0.51): 2}
    request = pb.QueryHeatmapDataRequest(screen_name=SCREEN, date_from=until, date_to=first)
    assert faults("HeatmapService.QueryHeatmapData", request, reader) == ["date_to"]


def test_a_campaign_is_known_by_the_name_of_its_screen(tenant: Tenant) -> None:
    token, reader = tenant.person(), tenant.key()
    campaign = campaigns.campaign(tenant.organization)
    screen = f"MessageDetail::{campaign.pk}"
    ingest(token, event(), event(screen_name=screen), event(screen_name=screen), event(screen_name="MessageDetail"))
    only = {"campaign_id": str(campaign.pk)}
    for name in ("", "MessageDetail", screen):
        assert shown(query(reader, screen_name=name, **only)) == {(0.51, 0.51): 2}
    assert shown(query(reader, **only)) == {}
    assert shown(query(reader, screen_name=screen)) == {(0.51, 0.51): 2}


def test_a_query_names_what_is_wrong_with_it(tenant: Tenant) -> None:
    reader, other = tenant.key(), Tenant.new("Others")
    stranger = tenants.member(other.organization)
    theirs = campaigns.campaign(other.organization)

    def refused(**asked: Any) -> list[str]:
        return faults("HeatmapService.QueryHeatmapData", pb.QueryHeatmapDataRequest(**asked), reader)

    assert refused() == ["screen_name"]
    assert refused(screen_name=SCREEN, mode=SPECIFIC) == ["user_id"]
    assert refused(screen_name=SCREEN, user_id=str(stranger.pk)) == ["user_id"]
    assert refused(screen_name=SCREEN, campaign_id=str(theirs.pk)) == ["campaign_id"]
    assert refused(screen_name=SCREEN, campaign_id=str(uuid4()), user_id=str(uuid4())) == ["user_id", "campaign_id"]
    assert refused(screen_name=SCREEN, event_types=[TAP, pb.TouchEventType(0)]) == ["event_types[1]"]
    assert AuditEntry.objects.filter(action="heatmap.query_user").count() == 0


def test_nobody_sees_the_touches_of_another_organization(tenant: Tenant) -> None:
    ingest(tenant.person(), event())
    answer = query(Tenant.new("Others").key())
    assert (list(answer.data_points), list(answer.user_touch_counts), answer.screenshot_url) == ([], [], "")


def test_few_people_are_not_shown_unless_the_organization_says_so(tenant: Tenant, settings: Settings) -> None:
    settings.HEATMAP_MIN_USERS = 5
    members, reader = tenants.members(tenant.organization, 5), tenant.key()
    for who in members[:4]:
        heatmaps.touch(who, (0.1, 0.1), (0.9, 0.9), now=datetime.now(UTC))
    heatmaps.touch(members[4], (0.9, 0.9), (0.9, 0.9), now=datetime.now(UTC))
    for mode, value in ((TOTAL, 6), (MEDIAN, 1)):
        answer = query(reader, mode=mode)
        assert shown(answer) == {(0.91, 0.91): value}
        counts = {each.user_id: (each.count, each.user_email) for each in answer.user_touch_counts}
        assert counts == {str(who.pk): (2, who.person.email) for who in members}
    privacy.set_min_users(
        min_users=4, organization_id=tenant.organization.pk, actor=factories.COMMAND, now=datetime.now(UTC)
    )
    assert shown(query(reader)) == {(0.11, 0.11): 4, (0.91, 0.91): 6}


def test_every_query_about_one_user_is_in_the_audit_trail(tenant: Tenant) -> None:
    crowd, reader = tenants.members(tenant.organization, 9), tenant.key()
    odd = crowd[0]
    for who in crowd:
        heatmaps.touch(who, (0.5, 0.5), now=datetime.now(UTC))
    heatmaps.touch(odd, *[(0.9, 0.1)] * 3, now=datetime.now(UTC))
    query(reader)
    assert not AuditEntry.objects.filter(action="heatmap.query_user").exists()
    answer = query(reader, mode=SPECIFIC, user_id=str(odd.pk))
    # Counts 3 and eight zeros: the median 0, the deviation the root of 8/9.
    assert shown(answer) == {(0.91, 0.11): pytest.approx(3 / (8 / 9) ** 0.5, rel=1e-6)}
    assert list(answer.user_touch_counts) == []
    query(reader, mode=TOTAL, user_id=str(odd.pk))
    entries = AuditEntry.objects.filter(action="heatmap.query_user").order_by("id")
    assert [entry.after["mode"] for entry in entries] == ["user_specific", "total"]
    assert {(entry.target_type, entry.target_id) for entry in entries} == {("member", str(odd.pk))}


def test_an_answer_is_cut_where_clients_would_refuse_it(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in tenants.members(tenant.organization, 3):
        heatmaps.touch(who, (0.5, 0.5), now=datetime.now(UTC))
    monkeypatch.setattr("campaigns.rpc.heatmaps.MOST_BYTES", 250)
    assert len(query(tenant.key()).user_touch_counts) == 2


def test_hours_that_begin_in_the_range_are_meant() -> None:
    day = datetime(2026, 3, 18, tzinfo=UTC)

    def hours(start: timedelta, end: timedelta) -> tuple[int, int]:
        return queries._hours(day.date(), day + start, day + end)

    assert hours(timedelta(0), timedelta(days=1)) == (0, 24)
    assert hours(timedelta(days=-9), timedelta(days=9)) == (0, 24)
    assert hours(timedelta(hours=10, minutes=30), timedelta(hours=12, minutes=30)) == (11, 13)
    assert hours(timedelta(hours=10), timedelta(hours=12)) == (10, 12)
    assert hours(timedelta(days=-1), timedelta(0)) == (0, 0)
    assert Asked().resolution == 0
