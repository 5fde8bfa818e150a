"""ReplayService."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from uuid import UUID

from protobuf.wkt import Timestamp

from campaigns.replay import recordings
from campaigns.replay.events import FULL_SNAPSHOT, META
from campaigns.replay.provider import Visit
from campaigns.rpc.instants import instant
from ops_console.errors import InvalidInput
from ops_console.gen.pidgr.v1 import replay_pb as pb
from ops_console.gen.pidgr.v1.common_pb import PaginationMeta
from ops_console.rpc import pages
from ops_console.rpc.call import Call, Services

# gRPC clients refuse answers over 4 MiB.
MOST_BYTES = 3 * 2**20


def list_recordings(request: pb.ListSessionRecordingsRequest, call: Call) -> pb.ListSessionRecordingsResponse:
    asked = recordings.asked_for(
        campaign_id=UUID(request.campaign_id) if request.campaign_id else None,
        date_from=instant(request.date_from, "date_from"),
        date_to=instant(request.date_to, "date_to"),
        now=call.now,
    )
    following, size = pages.place_of(request.pagination, call), pages.size_of(request.pagination)
    try:
        found = recordings.list_recordings(asked=asked, following=following, size=size, actor=call.actor)
    except InvalidInput as error:
        # Of another provider than the organization has now.
        raise pages.foreign_token() if error.errors[0].path == ("page_token",) else error from error
    return pb.ListSessionRecordingsResponse(
        recordings=[_recording(visit) for visit in found.visits],
        pagination=PaginationMeta(next_page_token=pages.sign(found.following, call), total_count=found.total or 0),
    )


def get_snapshots(request: pb.GetSessionSnapshotsRequest, call: Call) -> pb.GetSessionSnapshotsResponse:
    events = recordings.open_snapshots(recording_id=request.recording_id, actor=call.actor, now=call.now)
    return pb.GetSessionSnapshotsResponse(snapshot_data=cut(events))


def cut(events: Iterable[bytes], most_bytes: int = MOST_BYTES) -> str:
    """The events as a JSON array of at most so many bytes.

    What does not fit is left out from the last full snapshot on that is not the first, and the Meta event right before
    it; where there is none, from the first event on that does not fit.
    """
    kept: list[bytes] = []
    kinds: list[int] = []
    size = len(b"[]")
    for event in events:
        size += len(event) + (1 if kept else 0)
        kinds.append(json.loads(event)["type"])
        if size > most_bytes:
            del kept[_border(kinds) :]
            break
        kept.append(event)
    return (b"[" + b",".join(kept) + b"]").decode()


def _border(kinds: Sequence[int]) -> int:
    """Where to cut events of these kinds, of which the last does not fit."""
    full = [place for place, kind in enumerate(kinds) if kind == FULL_SNAPSHOT]
    # rrweb records a full snapshot right after each Meta event.
    if len(full) < 2 or kinds[-1] == META:
        return len(kinds) - 1
    return full[-1] - 1 if kinds[full[-1] - 1] == META else full[-1]


def _recording(visit: Visit) -> pb.SessionRecording:
    return pb.SessionRecording(
        id=visit.id,
        analytics_user_id=visit.analytics_user_id,
        start_time=Timestamp.from_datetime(visit.started_at),
        end_time=Timestamp.from_datetime(visit.ended_at),
        duration_seconds=int((visit.ended_at - visit.started_at).total_seconds()),
        activity_score=visit.activity_score,
        user_email=visit.email,
    )


SERVICES: Services = {"ReplayService": {"ListSessionRecordings": list_recordings, "GetSessionSnapshots": get_snapshots}}
