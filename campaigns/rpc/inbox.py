"""InboxService."""

from __future__ import annotations

from uuid import UUID

from protobuf.wkt import Timestamp

from campaigns.rpc.inbox_messages import entry_message
from campaigns.rpc.instants import instant
from campaigns.services import inbox
from ops_console.gen.pidgr.v1 import inbox_pb as pb
from ops_console.rpc.call import Call, Services


def sync(request: pb.SyncRequest, call: Call) -> pb.SyncResponse:
    entries, next_since = inbox.sync(
        actor=call.actor,
        # Rounded up, it would pass over an entry.
        since=instant(request.since, "since"),
        limit=request.limit or inbox.DEFAULT_LIMIT,
        now=call.now,
    )
    return pb.SyncResponse(
        entries=[entry_message(entry) for entry in entries],
        next_since=None if next_since is None else Timestamp.from_datetime(next_since),
    )


def mark_read(request: pb.MarkReadRequest, call: Call) -> pb.MarkReadResponse:
    inbox.mark_read(delivery_id=UUID(request.delivery_id), actor=call.actor, now=call.now)
    return pb.MarkReadResponse(success=True)


def get_message(request: pb.GetMessageRequest, call: Call) -> pb.GetMessageResponse:
    entry = inbox.get_message(delivery_id=UUID(request.delivery_id), actor=call.actor, now=call.now)
    return pb.GetMessageResponse(entry=entry_message(entry))


SERVICES: Services = {"InboxService": {"Sync": sync, "MarkRead": mark_read, "GetMessage": get_message}}
