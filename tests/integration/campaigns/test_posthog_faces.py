"""An organization whose recordings PostHog has, over RPC and REST; its key is nowhere to be seen."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Campaign, ReplaySettings
from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import replay_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import campaigns, pidgr, replays, tenants
from tests.bearers import BearerClient
from tests.fakes.posthog import KEY, PROJECT, FakePosthog, Line, Recorded, packed
from tests.fakes.webhook_receiver import Answer
from tests.pidgr import Tenant

LIST, SNAPSHOTS = "ReplayService.ListSessionRecordings", "ReplayService.GetSessionSnapshots"
SECRET = KEY.removeprefix("phx_")
DOCUMENT = {"node": {"type": 0, "childNodes": [], "id": 1}, "initialOffset": {"top": 0, "left": 0}}


@dataclass
class Cast:
    """An organization, who may watch, and all that was said to either."""

    posthog: FakePosthog
    tenant: Tenant
    watcher: Member
    campaign: Campaign
    said: list[str] = field(default_factory=list)

    @cached_property
    def token(self) -> str:
        return pidgr.token_of(self.watcher)

    @cached_property
    def client(self) -> BearerClient:
        return BearerClient(self.tenant.key())

    def put(self, **changed: Any) -> tuple[int, dict[str, Any]]:
        """Settings that PostHog takes, but for what is changed."""
        wanted = {"provider": "posthog", "isOffered": True, "masksText": True}
        wanted |= {"posthogHost": self.posthog.url(""), "posthogProject": PROJECT, "posthogKey": KEY}
        answer = self.client.send("replay-settings", wanted | changed, method="PUT")
        self.said.append(answer.content.decode())
        return answer.status_code, answer.json()

    def listed(self, **asked: Any) -> Any:
        found = pidgr.call(LIST, pb.ListSessionRecordingsRequest(**asked), self.token)
        self.said.append(repr(found))
        return found

    def snapshots(self, recording_id: str) -> str:
        return str(pidgr.call(SNAPSHOTS, of(recording_id), self.token).snapshot_data)

    def streamed(self, recording_id: str) -> list[bytes]:
        answer = self.client.get(f"/api/v1/recordings/{recording_id}/snapshots")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/x-ndjson"
        return answer.getvalue().splitlines()


@pytest.fixture
def cast(committed_db: None, posthog: FakePosthog) -> Cast:
    tenant = Tenant.new()
    watcher = tenants.member(tenant.organization, Right.CAMPAIGNS_READ)
    campaign = campaigns.campaign(tenant.organization)
    now = timezone.now().replace(microsecond=0)
    start_ms = int(now.timestamp() * 1000) - 600_000
    screens = [f"MessageDetail::{campaign.pk}"]
    mine = Recorded("0190-mine", now - timedelta(minutes=10), 90, str(watcher.pk), "old@example.com", screens)
    other = Recorded("0190-other", now - timedelta(minutes=20), 60, "device-7", "guest@example.com", screens)
    long = Recorded("0190-long", now - timedelta(minutes=30), parts=parts(3, start_ms, "x" * 1_200_000))
    mine.parts = parts(25, start_ms, "read me")
    posthog.recordings = [mine, other, long]
    return Cast(posthog, tenant, watcher, campaign)


def parts(n: int, start_ms: int, text: str = "") -> list[list[Line]]:
    made: list[list[Line]] = [
        [("w", {"type": 3, "timestamp": start_ms + 1000 * part + 1, "data": {"source": 2, "text": text}})]
        for part in range(n)
    ]
    made[0].insert(0, ("w", {"type": 2, "timestamp": start_ms, "data": packed(DOCUMENT), "cv": "2024-10"}))
    return made


def of(recording_id: str) -> pb.GetSessionSnapshotsRequest:
    return pb.GetSessionSnapshotsRequest(recording_id=recording_id)


def test_an_organizations_recordings_at_posthog_are_read_over_every_face(
    cast: Cast, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for step in (
        settings_posthog_does_not_take_are_not_saved,
        others_are_and_the_key_is_not_told,
        listed_with_emails_page_by_page,
        played_whole_by_rest_and_cut_by_rpc,
        each_view_is_on_record,
        what_is_not_there_is_not_found,
        a_posthog_that_fails_is_told_of,
        deleted_there,
    ):
        with subtests.test(step.__name__):
            step(cast)
    with subtests.test("the key is in no answer, log or entry"):
        said = [*cast.said, *(repr(record.__dict__) for record in caplog.records)]
        said += [repr(entry) for entry in AuditEntry.objects.values()]
        assert any("replay.posthog_failed" in text for text in said)
        assert any("replay.set_settings" in text for text in said)
        assert [text for text in said if SECRET[:-1] in text] == []


def settings_posthog_does_not_take_are_not_saved(cast: Cast) -> None:
    for name, wrong in {"Key": KEY[:-1], "Project": "1", "Host": "https://10.0.0.1"}.items():
        status, problem = cast.put(**{f"posthog{name}": wrong})
        assert (status, [error["pointer"] for error in problem["errors"]]) == (400, [f"/posthog{name}"])
    cast.posthog.script.append(Answer(500))
    assert cast.put()[0] == 502
    assert not ReplaySettings.objects.exists()


def others_are_and_the_key_is_not_told(cast: Cast) -> None:
    status, found = cast.put()
    assert (status, found["hasPosthogKey"], found["posthogProject"]) == (200, True, PROJECT)
    assert SECRET.encode() not in bytes(ReplaySettings.objects.get().posthog_key)
    cast.said.append(cast.client.get("/api/v1/replay-settings").content.decode())


def listed_with_emails_page_by_page(cast: Cast) -> None:
    visits = cast.listed().recordings
    assert [(visit.id, visit.user_email) for visit in visits] == [
        ("0190-mine", cast.watcher.person.email),
        ("0190-other", "guest@example.com"),
        ("0190-long", ""),
    ]
    assert (visits[0].duration_seconds, visits[0].activity_score) == (90, 41.25)
    of_campaign = cast.listed(campaign_id=str(cast.campaign.pk)).recordings
    assert [visit.id for visit in of_campaign] == ["0190-mine", "0190-other"]
    first = cast.listed(pagination=Pagination(page_size=2))
    second = cast.listed(pagination=Pagination(page_size=2, page_token=first.pagination.next_page_token))
    assert [visit.id for page in (first, second) for visit in page.recordings] == [visit.id for visit in visits]
    assert second.pagination.next_page_token == ""
    pages = [cast.client.get("/api/v1/recordings?limit=2").json()]
    pages.append(cast.client.get("/api/v1/recordings", {"limit": 2, "cursor": pages[0]["nextCursor"]}).json())
    assert [row["id"] for page in pages for row in page["results"]] == [visit.id for visit in visits]


def played_whole_by_rest_and_cut_by_rpc(cast: Cast) -> None:
    events = json.loads(cast.snapshots("0190-mine"))
    assert [json.loads(line) for line in cast.streamed("0190-mine")] == events
    assert len(events) == 26
    assert (events[0]["data"], events[-1]["data"]["text"]) == (DOCUMENT, "read me")
    begun = cast.snapshots("0190-long")
    assert len(begun) <= 3 * 2**20
    assert len(json.loads(begun)) == 3
    assert len(cast.streamed("0190-long")) == 4


def each_view_is_on_record(cast: Cast) -> None:
    viewed = [entry.target_id for entry in replays.views()]
    assert viewed == ["0190-mine", "0190-mine", "0190-long", "0190-long"]


def what_is_not_there_is_not_found(cast: Cast) -> None:
    assert pidgr.code(SNAPSHOTS, of("0190-none"), cast.token) == "NOT_FOUND"
    assert pidgr.code(SNAPSHOTS, of("0190-mine"), Tenant.new("Others").key()) == "NOT_FOUND"
    for path in ("0190-none", "..%2F..%2F4711/snapshots"):
        assert cast.client.get(f"/api/v1/recordings/{path}").status_code == 404


def a_posthog_that_fails_is_told_of(cast: Cast) -> None:
    posthog = cast.posthog
    posthog.script += [Answer(503), Answer(body=b"<h1>Maintenance</h1>")]
    refused = pidgr.refusal(LIST, pb.ListSessionRecordingsRequest(), cast.token)
    answer = cast.client.get("/api/v1/recordings")
    cast.said += [repr(refused), answer.content.decode()]
    assert (refused.code.name, answer.status_code) == ("UNAVAILABLE", 502)
    # After the recording is found, and its sources.
    posthog.script += [posthog.otherwise, posthog.otherwise, Answer(500)]
    assert pidgr.code(SNAPSHOTS, of("0190-mine"), cast.token) == "UNAVAILABLE"
    posthog.script += [posthog.otherwise, posthog.otherwise, Answer(500)]
    assert cast.client.get("/api/v1/recordings/0190-mine/snapshots").status_code == 502


def deleted_there(cast: Cast) -> None:
    """What PostHog has is looked for first, and once: of what it never had, it says that it is deleted."""
    n_before = len(cast.posthog.received)
    for recording_id, status in (("0190-none", 404), ("0190-other", 204)):
        assert cast.client.send(f"recordings/{recording_id}", method="DELETE").status_code == status
    assert [request.method for request in cast.posthog.received[n_before:]] == ["GET", "GET", "DELETE"]
    assert [each.is_deleted for each in cast.posthog.recordings] == [False, True, False]
    entries = AuditEntry.objects.filter(action="replay.delete")
    assert [entry.target_id for entry in entries] == ["0190-other"]
