"""Recordings for those who may watch them, over REST and RPC: streamed, cut, deleted."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.http import StreamingHttpResponse
from pytest_django import DjangoCaptureOnCommitCallbacks

from campaigns.models import Recording
from campaigns.rpc import replay as rpc
from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import replay_pb as pb
from ops_console.organizations.rights import Right
from tests import ops, replays, tenants
from tests.factories import NOW
from tests.pidgr import Tenant, call, code
from tests.replays import Event, beginning, moved, ms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
SNAPSHOTS = "ReplayService.GetSessionSnapshots"


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.new()


def events_of(answer: Any) -> list[Event]:
    assert answer.status_code == 200, answer.content
    assert isinstance(answer, StreamingHttpResponse)
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[arg-type]


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


def test_a_recording_is_played_in_order_and_that_is_on_record_first(tenant: Tenant, visit: list[Event]) -> None:
    pk = str(Recording.objects.get().pk)
    answer = replays.watcher(tenant.organization).get(path_of("/snapshots"))
    # Before the first event is read.
    [seen] = replays.views()
    assert (seen.target_type, seen.target_id, seen.chain_id) == ("recording", pk, str(tenant.organization.pk))
    assert seen.after["user"] == str(Recording.objects.get().member_id)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/x-ndjson", "no-store")
    assert events_of(answer) == visit
    told = call(SNAPSHOTS, pb.GetSessionSnapshotsRequest(recording_id=pk), tenant.key())
    assert json.loads(told.snapshot_data) == visit
    assert len(replays.views()) == 2
    staff = ops.client(("recordings", "retrieve"))
    assert events_of(staff.get(path_of("/snapshots"))) == visit
    assert events_of(staff.get(path_of("/snapshots"), {"organization": str(tenant.organization.pk)})) == visit
    assert replays.views()[-1].actor == staff.person.email
    assert len(replays.views()) == 4
    assert replays.watcher(tenant.organization).get(path_of()).json()["id"] == pk
    assert len(replays.views()) == 4


def test_who_may_not_watch_or_delete(tenant: Tenant, visit: list[Event], subtests: pytest.Subtests) -> None:
    pk = str(Recording.objects.get().pk)
    strangers = Tenant.new("Others")
    everything = [right for right in Right if right is not Right.CAMPAIGNS_READ]
    may_not = replays.watcher(tenant.organization, *everything), ops.client(("recordings", "list"))
    # The permission that staff list with is the one they watch with.
    for client, status in ((ops.ApiClient(), 401), (may_not[0], 403), (ops.client(("screens", "list")), 403)):
        assert client.get(path_of("/snapshots")).status_code == status
        assert client.get(path_of()).status_code == status
    for client, status in ((ops.ApiClient(), 401), (replays.watcher(tenant.organization), 403), (may_not[1], 403)):
        assert client.delete(path_of()).status_code == status
    with subtests.test("another tenant's"):
        theirs = replays.watcher(strangers.organization, *Right)
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
            assert replays.watcher(tenant.organization).get(f"/api/v1/recordings/{name}/snapshots").status_code == 404
        assert code(SNAPSHOTS, pb.GetSessionSnapshotsRequest(), tenant.key()) == "INVALID_ARGUMENT"
        wrong = replays.watcher(tenant.organization).get(path_of(), {"organization": "x"})
        assert [fault["parameter"] for fault in wrong.json()["errors"]] == ["organization"]
    assert replays.views() == []
    assert Recording.objects.count() == 1


def test_what_is_deleted_is_gone_with_its_files(
    tenant: Tenant,
    visit: list[Event],
    media: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    path, pk = path_of(), str(Recording.objects.get().pk)
    kept = replays.recorded(tenants.member(tenant.organization), now=NOW)
    client = replays.watcher(tenant.organization, Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE)
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
    played = [
        event["timestamp"] - start for event in events_of(replays.watcher(who.organization).get(path_of("/snapshots")))
    ]
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
    assert len(events_of(replays.watcher(who.organization).get(path_of("/snapshots")))) == 15
