"""InboxService."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from protobuf.wkt import Timestamp

from campaigns.rpc.inbox_messages import entry_message
from campaigns.services import inbox
from ops_console.errors import InvalidInput
from ops_console.gen.pidgr.v1 import inbox_pb as pb
from ops_console.rpc.call import Call, Services

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOS = range(10**9)


def sync(request: pb.SyncRequest, call: Call) -> pb.SyncResponse:
    entries, next_since = inbox.sync(
        actor=call.actor,
        since=_instant(request.since),
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


def _instant(timestamp: Timestamp | None) -> datetime | None:
    """The microsecond it lies in: rounded up, it would pass over an entry."""
    if timestamp is None:
        return None
    try:
        if timestamp.nanos not in NANOS:
            raise OverflowError
        return EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        raise InvalidInput.field("since", message="This is no instant between the years 1 and 9999.") from None


SERVICES: Services = {"InboxService": {"Sync": sync, "MarkRead": mark_read, "GetMessage": get_message}}
