"""Inbox sync over the web with 10,000 deliveries in the table, and with 1,000,000, in turn."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

from django.db import connections
from django.utils import timezone
from protobuf.wkt import Timestamp

from bench.crowds import clear, write_crowd, write_template
from bench.fixtures import Login
from bench.inbox_rows import WAVES, Inboxes, copied, write_campaigns
from bench.load import Measured, measure, request
from bench.report import ROUNDS, Limit
from bench.servers import web_server
from ops_console.access.models import SignInMethod
from ops_console.access.services import sessions, tokens
from ops_console.gen.pidgr.v1.inbox_pb import SyncRequest
from ops_console.organizations.models import Member

ORGANIZATIONS = 50
# Of each organization: those who sync, who are all there are in the small table, and all who are in the large one.
CALLERS, MEMBERS = 4, 400
# Of each caller's entries, what he has not seen yet when he asks first.
NEW = 5
CONNECTIONS = 4
METHOD = "/pidgr.v1.InboxService/Sync"


def bench_syncing(logins: Sequence[Login], *, members: int = MEMBERS, rounds: int = ROUNDS) -> list[Limit]:
    """The 95th percentile in the large table, as a multiple of that in the small one."""
    clear()
    first = timezone.now() - timedelta(days=WAVES + 1)
    callers, others, templates = [], [], []
    for login in logins[:ORGANIZATIONS]:
        templates.append(write_template(login).pk)
        crowd = write_crowd(members, login).members
        callers += crowd[:CALLERS]
        others += crowd[CALLERS:]
    write_campaigns(templates, first)
    requests = list(syncs(bearers(callers), first))
    disconnect()
    with copied(os.environ["DATABASE_URL"]) as large_url:
        small, large = Inboxes(os.environ["DATABASE_URL"]), Inboxes(large_url)
        n_small, n_large = small.write(callers), large.write([*callers, *others])
        figures = measured_in_turn((small, large), callers, requests, first, rounds)
    clear()
    return [limit(f"Inbox sync, 95th of 100, {n_large:,} deliveries beside {n_small:,}", *figures)]


def disconnect() -> None:
    """Leave the database: one that somebody is connected to is not copied."""
    ours: Any = connections["default"]
    ours.close()
    ours.close_pool()


def bearers(members: Sequence[UUID]) -> list[str]:
    """Access tokens of these members."""
    now = timezone.now()
    made = []
    for member in Member.objects.filter(pk__in=members).select_related("person"):
        opened = sessions.open_session(
            person=member.person, member=member, method=SignInMethod.COMMAND, client=sessions.Client(), now=now
        )
        made.append(f"Bearer {tokens.issue(session=opened.session, now=now).text}")
    return made


def syncs(callers: Sequence[str], first: datetime) -> Iterator[bytes]:
    """Each caller asks for what is new, twice for what came since, of which there is nothing, and for all he has."""
    newest = first + timedelta(days=WAVES)
    for since in (newest - timedelta(days=NEW), newest, None, newest):
        asked = SyncRequest(since=None if since is None else Timestamp.from_datetime(since), limit=WAVES)
        for bearer in callers:
            yield request(
                "POST", METHOD, authorization=bearer, body=asked.to_binary(), content_type="application/proto"
            )


def measured_in_turn(
    both: Sequence[Inboxes], callers: Sequence[UUID], requests: Sequence[bytes], first: datetime, rounds: int
) -> list[list[Measured]]:
    """The rounds of each, after one that is not counted."""
    since = first + timedelta(days=WAVES - NEW)
    figures: list[list[Measured]] = [[] for _ in both]
    product = "ops_console.wsgi:application"
    with (
        web_server(product, environment={"DATABASE_URL": both[0].url}) as small,
        web_server(product, environment={"DATABASE_URL": both[1].url}) as large,
    ):
        for _ in range(rounds + 1):
            for inboxes, server, found in zip(both, (small, large), figures, strict=True):
                inboxes.unsee(callers, since)
                found.append(measure(server.port, iter(requests), connections=CONNECTIONS))
    return [found[1:] for found in figures]


def limit(name: str, small: Sequence[Measured], large: Sequence[Measured]) -> Limit:
    p95_small, p95_large = (median(one.p95_ms for one in found) for found in (small, large))
    p50_small, p50_large = (median(one.p50_ms for one in found) for found in (small, large))
    notes = {
        "p50/p95 of the many": f"{p50_large:.1f}/{p95_large:.1f} ms",
        "of the few": f"{p50_small:.1f}/{p95_small:.1f} ms",
    }
    return Limit(name, p95_large / p95_small, 1.5, "times", notes)
