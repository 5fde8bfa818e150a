"""(a) Dispatch beside plain SQL that writes the same rows and matches nobody; (d) the worker's memory.

Ours runs in a process of its own, as one worker process does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from django.db import connection

from bench.fixtures import Login, clear, settle, write_couriers, write_messages
from bench.report import ROUNDS, Comparison, Limit

QUEUE = 100_000
TIMES = 10

# In batches of 1,000 with SKIP LOCKED: each message with some courier, whichever comes first. What is written is what
# dispatch writes, every column; only a courier's cell, for which SQL has no function, stays what it was.
PEER = """
WITH due AS (
    SELECT *, row_number() OVER () AS n FROM (
        SELECT id AS message_id, region, latitude, longitude FROM pigeon_messages_message
        WHERE status = 'queued' AND held_at IS NULL AND wait_until IS NULL
        ORDER BY priority, id LIMIT 1000 FOR UPDATE SKIP LOCKED) m
), free AS (
    SELECT *, row_number() OVER () AS n FROM (
        SELECT id AS courier_id, speed_kmh, latitude AS from_latitude, longitude AS from_longitude
        FROM couriers_courier WHERE status = 'available' LIMIT 1000 FOR UPDATE SKIP LOCKED) c
), pair AS (
    SELECT *, now() + make_interval(secs => km / speed_kmh * 3600) AS arrives_at,
        make_interval(secs => least(greatest(km / speed_kmh * 1800, 1800), 86400)) AS rest
    FROM due JOIN free USING (n), LATERAL (
        SELECT 6371.0088 * acos(least(1, sind(latitude) * sind(from_latitude)
            + cosd(latitude) * cosd(from_latitude) * cosd(longitude - from_longitude))) AS km
    ) AS way
), messages AS (
    UPDATE pigeon_messages_message SET status = 'enroute', eta = arrives_at, version = version + 1
    FROM pair WHERE id = message_id
), couriers AS (
    UPDATE couriers_courier
    SET status = 'busy', ready_at = arrives_at + rest, latitude = pair.latitude, longitude = pair.longitude, cell = cell
    FROM pair WHERE id = courier_id
), flights AS (
    INSERT INTO pigeon_messages_flight
        (message_id, courier_id, outcome, departed_at, arrives_at, distance_km, from_latitude, from_longitude)
    SELECT message_id, courier_id, 'flying', now(), arrives_at, km, from_latitude, from_longitude FROM pair
), message_events AS (
    INSERT INTO pigeon_messages_messageevent (subject_id, from_status, to_status, actor, reason, at)
    SELECT message_id, 'queued', 'enroute', 'dispatch', '', now() FROM pair
), flow AS (
    INSERT INTO pigeon_messages_messageflow (region, from_status, to_status, n)
    SELECT region, 'queued', 'enroute', count(*) FROM pair GROUP BY region
)
INSERT INTO couriers_courierevent (subject_id, from_status, to_status, actor, reason, at)
SELECT courier_id, 'available', 'busy', 'dispatch', '', now() FROM pair
"""


# What each message and its courier leave behind.
WRITTEN = """
SELECT (SELECT count(*) FROM pigeon_messages_message WHERE status = 'enroute' AND version = 2),
    (SELECT count(*) FROM couriers_courier WHERE status = 'busy' AND ready_at > now()),
    (SELECT count(*) FROM pigeon_messages_flight WHERE outcome = 'flying'),
    (SELECT count(*) FROM pigeon_messages_messageevent WHERE to_status = 'enroute'),
    (SELECT count(*) FROM couriers_courierevent WHERE to_status = 'busy'),
    (SELECT sum(n) FROM pigeon_messages_messageflow WHERE to_status = 'enroute')
"""


def bench_dispatch(login: Login) -> tuple[list[Comparison], list[Limit]]:
    """Messages a second from queued to enroute with as many couriers, and with ten times the queue."""
    plain = Comparison("dispatch, 100,000 queued", "messages/s", least=1 / 3)
    large = Comparison("dispatch, first 100,000 of 1,000,000 queued, beside 100,000 queued", "messages/s", least=0.8)
    memory_mb = 0.0
    for _ in range(ROUNDS):
        for run, rates in ((run_peer, plain.peer), (run_ours, plain.ours)):
            fill(login, queue=QUEUE, couriers=QUEUE)
            rate, peak_mb = run()
            check_written()
            rates.append(rate)
            memory_mb = max(memory_mb, peak_mb)
    for _ in range(ROUNDS):
        fill(login, queue=QUEUE, couriers=QUEUE)
        large.peer.append(run_ours()[0])
        fill(login, queue=QUEUE * TIMES, couriers=QUEUE)
        rate, peak_mb = run_ours()
        large.ours.append(rate)
        memory_mb = max(memory_mb, peak_mb)
    clear()
    return [plain, large], [Limit("memory of the dispatching worker, peak", memory_mb, 200, "MB")]


def fill(login: Login, *, queue: int, couriers: int) -> None:
    clear()
    write_couriers(couriers)
    write_messages(queue, login)
    settle()


def check_written() -> None:
    """Raise if ours or the peer left out a row."""
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)
        written = cursor.fetchone()
    if set(written) != {QUEUE}:
        raise RuntimeError(f"Not all {QUEUE} messages have all their rows: {written}.")


def run_peer() -> tuple[float, float]:
    """The peer's rate; its memory is the database's affair."""
    start, total = time.perf_counter(), 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(PEER)
            if not cursor.rowcount:
                return total / (time.perf_counter() - start), 0.0
            total += cursor.rowcount


def run_ours() -> tuple[float, float]:
    """The product's rate, and the peak memory of its process in MB."""
    command = [sys.executable, "-m", "bench.worker"]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    if done["n"] != QUEUE:
        raise RuntimeError(f"{done['n']} of {QUEUE} messages departed.")
    return done["n"] / done["seconds"], done["peak_mb"]
