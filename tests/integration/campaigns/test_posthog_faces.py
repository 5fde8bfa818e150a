"""An organization whose recordings PostHog has, over RPC and REST; its key is nowhere to be seen."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import ReplaySettings
from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import replay_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.organizations.rights import Right
from tests import campaigns, pidgr, tenants
from tests.bearers import BearerClient
from tests.fakes.posthog import KEY, PROJECT, FakePosthog, Line, Recorded, packed
from tests.fakes.webhook_receiver import Answer
from tests.pidgr import Tenant

SECRET = KEY.removeprefix("phx_")
DOCUMENT = {"node": {"type": 0, "childNodes": [], "id": 1}, "initialOffset": {"top": 0, "left": 0}}


def parts(n: int, start_ms: int, text: str = "") -> list[list[Line]]:
    made: list[list[Line]] = [
        [("w", {"type": 3, "timestamp": start_ms + 1000 * part + at, "data": {"source": 2, "text": text}})]
        for part in range(n)
        for at in [1]
    ]
    made[0].insert(0, ("w", {"type": 2, "timestamp": start_ms, "data": packed(DOCUMENT), "cv": "2024-10"}))
    return made


def snapshots(recording_id: str, credential: str) -> str:
    request = pb.GetSessionSnapshotsRequest(recording_id=recording_id)
    return str(pidgr.call("ReplayService.GetSessionSnapshots", request, credential).snapshot_data)


def streamed(client: BearerClient, recording_id: str) -> list[bytes]:
    answer = client.get(f"/api/v1/recordings/{recording_id}/snapshots")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    return answer.getvalue().splitlines()


@pytest.mark.usefixtures("committed_db")
def test_an_organizations_recordings_at_posthog_are_read_over_every_face(
    posthog: FakePosthog, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tenant = Tenant.new()
    watcher = tenants.member(tenant.organization, Right.CAMPAIGNS_READ)
    token = pidgr.token_of(watcher)
    client, said = BearerClient(tenant.key()), list[str]()
    shown = campaigns.campaign(tenant.organization)
    now = timezone.now().replace(microsecond=0)
    start_ms = int(now.timestamp() * 1000) - 600_000
    screen = f"MessageDetail::{shown.pk}"
    long = Recorded("0190-long", now - timedelta(minutes=30), parts=parts(3, start_ms, "x" * 1_200_000))
    posthog.recordings = [
        Recorded("0190-mine", now - timedelta(minutes=10), 90, str(watcher.pk), "old@example.com", [screen]),
        Recorded("0190-other", now - timedelta(minutes=20), 60, "device-7", "guest@example.com", [screen]),
        long,
    ]
    posthog.recordings[0].parts = parts(25, start_ms, "read me")
    wanted: dict[str, Any] = {"provider": "posthog", "isOffered": True, "masksText": True}
    wanted |= {"posthogHost": posthog.url(""), "posthogProject": PROJECT, "posthogKey": KEY}

    def put(**changed: Any) -> tuple[int, dict[str, Any]]:
        answer = client.send("replay-settings", wanted | changed, method="PUT")
        said.append(answer.content.decode())
        return answer.status_code, answer.json()

    def listed(**asked: Any) -> Any:
        found = pidgr.call("ReplayService.ListSessionRecordings", pb.ListSessionRecordingsRequest(**asked), token)
        said.append(repr(found))
        return found

    with subtests.test("settings PostHog does not take are not saved"):
        for name, wrong in {"Key": KEY[:-1], "Project": "1", "Host": "https://10.0.0.1"}.items():
            status, problem = put(**{f"posthog{name}": wrong})
            assert (status, [error["pointer"] for error in problem["errors"]]) == (400, [f"/posthog{name}"])
        posthog.script.append(Answer(500))
        assert put()[0] == 502
        assert not ReplaySettings.objects.exists()
    with subtests.test("others are, and the key is not told"):
        status, found = put()
        assert (status, found["hasPosthogKey"], found["posthogProject"]) == (200, True, PROJECT)
        assert SECRET.encode() not in bytes(ReplaySettings.objects.get().posthog_key)
        said.append(client.get("/api/v1/replay-settings").content.decode())
    with subtests.test("listed, e-mails resolved"):
        visits = listed().recordings
        assert [(visit.id, visit.user_email) for visit in visits] == [
            ("0190-mine", watcher.person.email),
            ("0190-other", "guest@example.com"),
            ("0190-long", ""),
        ]
        assert (visits[0].duration_seconds, visits[0].activity_score) == (90, 41.25)
        assert [visit.id for visit in listed(campaign_id=str(shown.pk)).recordings] == ["0190-mine", "0190-other"]
        first = listed(pagination=Pagination(page_size=2))
        token_text = first.pagination.next_page_token
        second = listed(pagination=Pagination(page_size=2, page_token=token_text))
        assert [visit.id for page in (first, second) for visit in page.recordings] == [visit.id for visit in visits]
        assert second.pagination.next_page_token == ""
        pages = [client.get("/api/v1/recordings?limit=2").json()]
        pages.append(client.get("/api/v1/recordings", {"limit": 2, "cursor": pages[0]["nextCursor"]}).json())
        assert [row["id"] for page in pages for row in page["results"]] == [visit.id for visit in visits]
    with subtests.test("played whole by REST, and by RPC"):
        lines = streamed(client, "0190-mine")
        events = json.loads(snapshots("0190-mine", token))
        assert [json.loads(line) for line in lines] == events
        assert len(events) == 26
        assert (events[0]["data"], events[-1]["data"]["text"]) == (DOCUMENT, "read me")
    with subtests.test("cut at 3 MiB by RPC alone"):
        whole = snapshots("0190-long", token)
        assert len(whole) <= 3 * 2**20
        assert len(json.loads(whole)) == 3
        assert len(streamed(client, "0190-long")) == 4
    with subtests.test("on record"):
        viewed = AuditEntry.objects.filter(action="replay.view").values_list("target_id", flat=True)
        assert sorted(viewed) == ["0190-long", "0190-long", "0190-mine", "0190-mine"]
    with subtests.test("none of that id"):
        assert pidgr.code("ReplayService.GetSessionSnapshots", gone := _of("0190-none"), token) == "NOT_FOUND"
        assert client.get("/api/v1/recordings/0190-none").status_code == 404
        other = Tenant.new("Others")
        assert pidgr.code("ReplayService.GetSessionSnapshots", _of("0190-mine"), other.key()) == "NOT_FOUND"
        assert client.get("/api/v1/recordings/..%2F..%2F4711/snapshots").status_code == 404
        assert gone.recording_id == "0190-none"
    with subtests.test("PostHog fails"):
        posthog.script += [Answer(503), Answer(body=b"<h1>Maintenance</h1>")]
        refused = pidgr.refusal("ReplayService.ListSessionRecordings", pb.ListSessionRecordingsRequest(), token)
        answer = client.get("/api/v1/recordings")
        said += [repr(refused), answer.content.decode()]
        assert (refused.code.name, answer.status_code) == ("UNAVAILABLE", 502)
        # After the recording is found, and its sources.
        posthog.script += [posthog.otherwise, posthog.otherwise, Answer(500)]
        assert pidgr.code("ReplayService.GetSessionSnapshots", _of("0190-mine"), token) == "UNAVAILABLE"
        posthog.script += [posthog.otherwise, posthog.otherwise, Answer(500)]
        assert client.get("/api/v1/recordings/0190-mine/snapshots").status_code == 502
    with subtests.test("deleted"):
        assert client.send("recordings/0190-other", method="DELETE").status_code == 204
        assert [each.is_deleted for each in posthog.recordings] == [False, True, False]
        assert AuditEntry.objects.filter(action="replay.delete", target_id="0190-other").count() == 1
    with subtests.test("the key is in no answer, log or entry"):
        said += [repr(record.__dict__) for record in caplog.records]
        said += [repr(entry) for entry in AuditEntry.objects.values()]
        assert any("replay.posthog_failed" in text for text in said)
        assert any("replay.set_settings" in text for text in said)
        assert [text for text in said if SECRET[:-1] in text] == []


def _of(recording_id: str) -> pb.GetSessionSnapshotsRequest:
    return pb.GetSessionSnapshotsRequest(recording_id=recording_id)
