"""Visits for tests: recorded as the inbox page does, and sent chunk by chunk."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from campaigns.models import Campaign, Recording
from campaigns.replay import chunks, consents
from campaigns.replay.events import chunk_in
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Member, Organization
from ops_console.organizations.rights import Right
from tests import bearers, tenants
from tests.factories import NOW

Event = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def beginning(at: int, text: str = "Coo") -> list[Event]:
    """What rrweb starts with: the page's size, and all of it."""
    node = {"type": 2, "tagName": "p", "attributes": {}, "childNodes": [{"type": 3, "textContent": text, "id": 3}]}
    whole = {"type": 0, "childNodes": [{**node, "id": 2}], "id": 1}
    return [
        {"type": 4, "data": {"href": "https://ops.example.com/inbox", "width": 320, "height": 640}, "timestamp": at},
        {"type": 2, "data": {"node": whole, "initialOffset": {"top": 0, "left": 0}}, "timestamp": at},
    ]


def moved(at: int, source: int = 1) -> Event:
    """The mouse moved, or whatever else the source stands for."""
    return {"type": 3, "data": {"source": source, "positions": []}, "timestamp": at}


def shown(at: int, campaign: Campaign | UUID | str) -> Event:
    """The page of a campaign's message was opened."""
    name = f"MessageDetail::{campaign.pk if isinstance(campaign, Campaign) else campaign}"
    return {"type": 5, "data": {"tag": "screen", "payload": {"name": name}}, "timestamp": at}


def body(number: int, events: Sequence[Event]) -> bytes:
    return json.dumps({"number": number, "events": events}).encode()


def zipped(number: int, events: Sequence[Event]) -> bytes:
    return gzip.compress(body(number, events), mtime=0)


def agree(who: Member, *, recording: bool = True, now: datetime = NOW) -> None:
    consents.set_consents(recording=recording, actor=tenants.signed_in(who), now=now)


def send(
    who: Member, events: Sequence[Event], *, to: UUID | None = None, number: int = 0, now: datetime = NOW
) -> chunks.Taken:
    """A chunk by its member."""
    return chunks.add_chunk(
        recording_id=to or uuid4(), chunk=chunk_in(body(number, events)), actor=tenants.signed_in(who), now=now
    )


def recorded(who: Member, *campaigns: Campaign, now: datetime = NOW, seconds: int = 10) -> Recording:
    """A visit of somebody who agreed, which ended now, and in whose first half he did something every second."""
    agree(who)
    start = ms(now) - 1000 * (seconds - 1)
    acts = [moved(start + 1000 * second) for second in range(seconds // 2)]
    opened = [shown(start, campaign) for campaign in campaigns]
    end = {"type": 3, "data": {"source": 0}, "timestamp": ms(now)}
    return send(who, [*beginning(start), *opened, *acts, end], now=now).recording


def watcher(of: Organization, *rights: Right) -> bearers.BearerClient:
    """Calls below /api/v1 by somebody with these rights, or the one to watch."""
    return bearers.client(of, *(rights or (Right.CAMPAIGNS_READ,)))


def views() -> list[AuditEntry]:
    """What the audit trail has of recordings that were watched."""
    return list(AuditEntry.objects.filter(action="replay.view").order_by("id"))
