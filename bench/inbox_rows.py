"""Inboxes in databases of different sizes: members with fifty entries each, few of them or many.

Rows are written by INSERT ... SELECT with all indexes in place; foreign keys are not looked at meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from django.db import connection
from psycopg import sql

# Campaigns of each organization; each member has an entry of each.
WAVES = 50
LARGE = "ops_console_large"

CAMPAIGNS = """
WITH campaign AS (
    INSERT INTO campaigns_campaign (id, organization_id, name, title, sender_name, template_id, template_version,
        workflow, status, critical, lateness, held_because, n_recipients, failure, created_at, started_at)
    SELECT uuidv7(at - now()), organization_id, 'Wave ' || wave, title, 'The loft', id, 1, '{"steps": []}', 'running',
        false, 'hold', '', 0, '', at, at
    FROM campaigns_template, generate_series(1, %(waves)s) wave, LATERAL (
        SELECT %(first)s::timestamptz + wave * interval '1 day' AS at) began
    WHERE id = ANY(%(templates)s)
    RETURNING id
)
INSERT INTO campaigns_campaignstep (campaign_id, key, type, position, status, note)
SELECT id, 'send', 'send_notification', 0, 'completed', '' FROM campaign
"""
# In the order in which they would have been sent: what one member has got lies far apart.
PLACED = """
CREATE UNLOGGED TABLE placed AS
SELECT row_number() OVER (ORDER BY c.started_at, c.id, m.id) AS n, c.id AS campaign_id, c.organization_id,
    s.id AS step_id, m.id AS member_id, c.started_at AS at
FROM campaigns_campaign c
JOIN campaigns_campaignstep s ON s.campaign_id = c.id
JOIN organizations_member m ON m.organization_id = c.organization_id AND m.id = ANY(%(members)s)
"""
AUDIENCE = """
INSERT INTO campaigns_audiencemember (id, campaign_id, member_id, variables, closing)
SELECT n, campaign_id, member_id, jsonb_build_object('name', 'Keeper ' || n), 'open' FROM placed ORDER BY n
"""
# Each recipient was told something else.
CONTENTS = """
INSERT INTO campaigns_content
    (id, organization_id, digest, title, summary, preview, body, actions, created_at)
SELECT n, organization_id, sha256(int8send(n)), 'Loft inspection', 'Loft inspection',
    'Dear Keeper ' || n || ', ' || repeat('please have the perches clean. ', 6),
    'Dear Keeper ' || n || ', ' || repeat('please have the perches clean. ', 15),
    '[{"id": "ack", "type": "ack", "label": "Understood"}]', at FROM placed ORDER BY n
"""
DELIVERIES = """
INSERT INTO campaigns_delivery (id, campaign_id, step_id, recipient_id, member_id, status, content_id, work, n_attempts,
    reason, created_at, sent_at, received_at, delivered_at)
SELECT uuidv7(at - now()), campaign_id, step_id, n, member_id, 'delivered', n, '', 1, '', at, at, at, at
FROM placed ORDER BY n
"""
EVENTS = """
INSERT INTO campaigns_deliveryevent (subject_id, from_status, to_status, actor, reason, at)
SELECT id, 'pending', 'sent', 'engine', '', sent_at FROM campaigns_delivery ORDER BY recipient_id
"""
INBOXES = "INSERT INTO campaigns_inbox (member_id, last_received_at) SELECT member_id, max(at) FROM placed GROUP BY 1"
UNSEE = """
UPDATE campaigns_delivery SET status = 'sent', delivered_at = NULL
WHERE member_id = ANY(%(members)s) AND received_at > %(since)s
"""


class Inboxes:
    """The inboxes of the database at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def write(self, members: Sequence[UUID]) -> int:
        """Give the members an entry of each campaign of their organization, and return how many that are."""
        n = self._execute(PLACED, {"members": list(members)})
        with ThreadPoolExecutor(2) as pool:
            # Each table by itself, for each takes its time; an event needs its delivery.
            list(pool.map(self._execute, (f"{DELIVERIES}; {EVENTS}", CONTENTS, AUDIENCE, INBOXES)))
        for statement in ("DROP TABLE placed", "VACUUM ANALYZE", "CHECKPOINT"):
            self._execute(statement)
        return n

    def _execute(self, statement: str, values: Mapping[str, Any] | None = None) -> int:
        """Without looking at foreign keys; give the number of rows."""
        with psycopg.connect(self.url, autocommit=True, options="-c session_replication_role=replica") as session:
            return session.execute(statement, values).rowcount

    def unsee(self, members: Sequence[UUID], since: datetime) -> None:
        """Make what the members got after ``since`` new to them."""
        self._execute(UNSEE, {"members": list(members), "since": since})


def write_campaigns(templates: Sequence[UUID], first: datetime) -> None:
    """Add campaigns with each template, one a day since ``first``."""
    with connection.cursor() as cursor:
        cursor.execute(CAMPAIGNS, {"templates": list(templates), "waves": WAVES, "first": first})


@contextmanager
def copied(url: str) -> Iterator[str]:
    """A copy of the database for the time being; nobody must be connected. Gives its URL."""
    parts = urlsplit(url)
    names: dict[str, Any] = {
        "copy": sql.Identifier(LARGE),
        "original": sql.Identifier(parts.path.removeprefix("/")),
    }
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {copy} TEMPLATE {original} STRATEGY file_copy").format(**names))
        try:
            yield parts._replace(path=f"/{LARGE}").geturl()
        finally:
            session.execute(sql.SQL("DROP DATABASE {copy} WITH (FORCE)").format(**names))
