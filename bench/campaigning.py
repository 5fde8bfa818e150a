"""Campaigns from StartCampaign to all sent, beside COPY of the same delivery rows and one UPDATE of them.

Ours runs in a process of its own, as one worker process does, through the channel that carries nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bench.fixtures import ACTOR, Login, settle
from bench.report import ROUNDS, Comparison, Limit
from campaigns.models import Campaign, Template, TemplateVersion
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import create_campaign
from ops_console.organizations.models import Role

RECIPIENTS = 100_000
TIMES = 3
# Of the three campaigns, which take long.
LARGE_ROUNDS = 3
NULL_CHANNEL = {"PUSH_CHANNEL": "campaigns.channels.null.Null"}
BODY = """# Loft inspection

Dear {{name}}, your loft **{{loft}}** will be inspected this month.

Please have the perches clean, the water fresh and the ledger at hand. The inspector counts the birds that are home,
looks at their rings, and asks about those that are away; it takes about an hour, and somebody must be there.

- Bring the *certificate* of the last inspection.
- Say so at once if a bird is ill.
"""
VARIABLES = [
    {"name": name, "description": "", "required": True, "source": "custom", "default_value": ""}
    for name in ("name", "loft")
]
WORKFLOW = {
    "steps": [
        {
            "id": "send",
            "type": "STEP_TYPE_SEND_NOTIFICATION",
            "sendNotification": {"actionLabel": "Understood", "actionType": "ACTION_TYPE_ACK"},
        }
    ]
}
CLEARED = (
    "campaigns_attempt, campaigns_deliveryevent, campaigns_delivery, campaigns_inbox, campaigns_content, "
    "campaigns_campaignflow, campaigns_campaignstep, campaigns_audiencemember, campaigns_campaignevent, "
    "campaigns_campaign"
)

PEOPLE = """
WITH person AS (
    INSERT INTO organizations_person (id, email, password, is_staff, is_active, is_superuser, created_at)
    SELECT gen_random_uuid(), 'crowd' || n || '@bench.example', '!', false, true, false, now()
    FROM generate_series(1, %(n)s) n
    RETURNING id
)
INSERT INTO organizations_member (id, organization_id, person_id, role_id, name, status, profile, theme, created_at)
SELECT gen_random_uuid(), %(organization)s, id, %(role)s, '', 'active', '{}', 'system', now() FROM person
RETURNING id
"""
COPIED = """
id, campaign_id, step_id, recipient_id, member_id, status, work, due_at, n_attempts, reason, created_at
"""
# The rows as they are when they are entered, taken from those that are sent.
COPY_OUT = """
COPY (SELECT id, campaign_id, step_id, recipient_id, member_id, 'pending', 'send', created_at, 0, '', created_at
    FROM campaigns_delivery) TO STDOUT
"""
COPY_IN = f"COPY campaigns_delivery ({COPIED}) FROM STDIN"
UPDATE = """
UPDATE campaigns_delivery SET status = 'sent', work = '', due_at = NULL, n_attempts = 1, sent_at = now(),
    received_at = now(), content_id = (SELECT min(id) FROM campaigns_content)
"""
# What each recipient leaves behind, and that no work is left.
WRITTEN = """
SELECT (SELECT count(*) FROM campaigns_delivery
        WHERE status = 'sent' AND received_at IS NOT NULL AND content_id IS NOT NULL AND due_at IS NULL),
    (SELECT count(*) FROM campaigns_attempt WHERE outcome = 'accepted'),
    (SELECT count(*) FROM campaigns_deliveryevent WHERE to_status = 'sent'),
    (SELECT sum(CASE WHEN to_status = 'sent' THEN n ELSE 0 END) FROM campaigns_campaignflow),
    (SELECT count(DISTINCT content_id) FROM campaigns_delivery)
"""


@dataclass(frozen=True)
class Recipient:
    user_id: str
    variables: dict[str, str]


def bench_campaigns(login: Login, *, n: int = RECIPIENTS, rounds: int = ROUNDS) -> tuple[list[Comparison], list[Limit]]:
    """Recipients a second from StartCampaign to all sent, and with three campaigns as large."""
    plain = Comparison(f"campaign, {n:,} recipients, beside COPY and UPDATE", "recipients/s", least=1 / 10)
    large = Comparison(f"{TIMES} campaigns, {n * TIMES:,} recipients, beside one of {n:,}", "recipients/s", least=0.85)
    members = write_members(n, login)
    memory_mb = 0.0
    for _ in range(rounds):
        start_afresh(members, login, n_campaigns=1)
        rate, peak_mb = run_ours(n)
        plain.ours.append(rate)
        large.peer.append(rate)
        memory_mb = max(memory_mb, peak_mb)
        plain.peer.append(run_peer(n))
    for _ in range(min(rounds, LARGE_ROUNDS)):
        start_afresh(members, login, n_campaigns=TIMES)
        rate, peak_mb = run_ours(n * TIMES)
        large.ours.append(rate)
        memory_mb = max(memory_mb, peak_mb)
    clear()
    return [plain, large], [Limit("memory of the sending worker, peak", memory_mb, 200, "MB")]


def write_members(n: int, login: Login) -> list[UUID]:
    role = Role.objects.get(organization=login.organization_id, is_default=True)
    values: dict[str, Any] = {"n": n, "organization": login.organization_id, "role": role.pk}
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, values)
        return [pk for (pk,) in cursor.fetchall()]


def start_afresh(members: list[UUID], login: Login, *, n_campaigns: int) -> None:
    """Leave nothing but as many new campaigns, not started, for all the members."""
    clear()
    now = timezone.now()
    owned = {"organization_id": login.organization_id, "created_at": now}
    template = Template.objects.create(**owned, name="Inspection", title="Loft inspection", updated_at=now)
    TemplateVersion.objects.create(template=template, version=1, body=BODY, variables=VARIABLES, created_at=now)
    for _ in range(n_campaigns):
        create_campaign(
            name="Inspection",
            template_id=template.pk,
            audience=NewAudience(recipients=list(recipients(members))),
            workflow=WORKFLOW,
            organization_id=login.organization_id,
            actor=ACTOR,
            now=now,
        )
    settle()


def recipients(members: list[UUID]) -> Iterator[Recipient]:
    """Each with two values nobody else has."""
    for number, member in enumerate(members):
        yield Recipient(str(member), {"name": f"Keeper {number}", "loft": f"{number:06d}"})


def clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {CLEARED} CASCADE")


def run_ours(n: int) -> tuple[float, float]:
    """The product's rate, and the peak memory of its process in MB."""
    command = [sys.executable, "-m", "bench.sender", *map(str, Campaign.objects.values_list("pk", flat=True))]
    environment = {**os.environ, **NULL_CHANNEL}
    written = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    done = json.loads(written.splitlines()[-1])
    check_written(n)
    return n / done["seconds"], done["peak_mb"]


def check_written(n: int) -> None:
    """Raise if a recipient lacks a row."""
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)
        *rows, n_contents = cursor.fetchone()
    if set(rows) != {n} or n_contents != n // Campaign.objects.count():
        raise RuntimeError(f"Not all {n} recipients have all their rows: {rows}, {n_contents} contents.")


def run_peer(n: int) -> float:
    """The rate at which the same rows are copied in and updated once."""
    with SpooledTemporaryFile() as rows, connection.cursor() as cursor:
        with cursor.copy(COPY_OUT) as copied:
            for data in copied:
                rows.write(data)
        cursor.execute("TRUNCATE campaigns_delivery CASCADE")
        settle()
        rows.seek(0)
        start = time.perf_counter()
        with cursor.copy(COPY_IN) as copying:
            while data := rows.read(1 << 16):
                copying.write(data)
        cursor.execute(UPDATE)
        seconds = time.perf_counter() - start
    return n / seconds
