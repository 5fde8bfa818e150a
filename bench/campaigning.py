"""Campaigns from StartCampaign to all sent, beside COPY of the same delivery rows and one UPDATE of them.

Ours runs in a process of its own, as one worker process does, through the channel that carries nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile

from django.db import connection

from bench.crowds import Crowd, clear, start_afresh
from bench.fixtures import settle
from bench.report import ROUNDS, Comparison, Limit
from campaigns.models import Campaign

TIMES = 3
# Of the three campaigns, which take long.
LARGE_ROUNDS = 3
NULL_CHANNEL = {"PUSH_CHANNEL": "campaigns.channels.null.Null"}
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


def bench_campaigns(crowd: Crowd, *, rounds: int = ROUNDS) -> tuple[list[Comparison], list[Limit]]:
    """Recipients a second from StartCampaign to all sent, and with three campaigns as large."""
    n = len(crowd.members)
    plain = Comparison(f"campaign, {n:,} recipients, beside COPY and UPDATE", "recipients/s", least=1 / 10)
    large = Comparison(f"{TIMES} campaigns, {n * TIMES:,} recipients, beside one of {n:,}", "recipients/s", least=0.85)
    memory_mb = []
    for number in range(rounds):
        start_afresh(crowd)
        ours = run_ours(n)
        memory_mb.append(ours.peak_mb)
        plain.ours.append(ours.per_s)
        large.peer.append(ours.per_s)
        plain.peer.append(run_peer(n))
        if number < LARGE_ROUNDS:
            start_afresh(crowd, n_campaigns=TIMES)
            ours = run_ours(n * TIMES)
            memory_mb.append(ours.peak_mb)
            large.ours.append(ours.per_s)
    clear()
    return [plain, large], [Limit("memory of the sending worker, peak", max(memory_mb), 200, "MB")]


@dataclass(frozen=True)
class Run:
    """The product's rate, and the most memory its process had."""

    per_s: float
    peak_mb: float


def run_ours(n: int) -> Run:
    """Start the campaigns there are and send to all their ``n`` recipients."""
    command = [sys.executable, "-m", "bench.sender", *map(str, Campaign.objects.values_list("pk", flat=True))]
    environment = {**os.environ, **NULL_CHANNEL}
    written = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    done = json.loads(written.splitlines()[-1])
    check_written(n)
    return Run(n / done["seconds"], done["peak_mb"])


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
