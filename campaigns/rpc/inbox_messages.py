"""Inbox entries as messages of ``pidgr.v1``."""

from __future__ import annotations

from protobuf.wkt import Timestamp

from campaigns.services.inbox import Entry
from ops_console.gen.pidgr.v1.common_pb import ActionType, DeliveryStatus, Message, MessageAction
from ops_console.gen.pidgr.v1.inbox_pb import InboxEntry


def entry_message(entry: Entry) -> InboxEntry:
    return InboxEntry(
        delivery_id=str(entry.delivery_id),
        message=content_message(entry),
        status=DeliveryStatus[entry.status.upper()],
        read=entry.read_at is not None,
        received_at=Timestamp.from_datetime(entry.received_at),
    )


def content_message(entry: Entry) -> Message:
    return Message(
        content_id=entry.digest.hex(),
        campaign_id=str(entry.campaign_id),
        sender_name=entry.sender_name,
        summary=entry.summary,
        preview=entry.preview,
        body=entry.body,
        critical=entry.is_critical,
        actions=[
            MessageAction(id=action["id"], type=ActionType[action["type"].upper()], label=action["label"])
            for action in entry.actions
        ],
        created_at=Timestamp.from_datetime(entry.created_at),
        title=entry.title,
    )
