"""(a) Dispatch beside plain SQL that writes the same rows and matches nobody; (d) the worker's memory.

Ours runs in a process of its own, as one worker process does: ``python -m bench.dispatching``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

from django.db import connection
from django.utils import timezone

from bench.fixtures import Login, clear, settle, write_couriers, write_messages
from bench.report import ROUNDS, Comparison, Limit

QUEUE = 100_000
TIMES = 10
BATCH = 1000

# In batches of 1,000 with SKIP LOCKED: each message with some courier, whichever comes first.
PEER = """
WITH due AS (
    SELECT id, row_number() OVER () AS n FROM (
        SELECT id FROM pigeon_messages_message
        WHERE status = 'queued' AND held_at IS NULL AND wait_until IS NULL
        ORDER BY priority, id LIMIT 1000 FOR UPDATE SKIP LOCKED) m
), free AS (
    SELECT id, latitude, longitude, row_number() OVER () AS n FROM (
        SELECT id, latitude, longitude FROM couriers_courier WHERE status = 'available'
        LIMIT 1000 FOR UPDATE SKIP LOCKED) c
), pair AS (
    SELECT due.id AS message_id, free.id AS courier_id, latitude, longitude FROM due JOIN free USING (n)
), messages AS (
    UPDATE pigeon_messages_message SET status = 'enroute', eta = now(), version = version + 1
    FROM pair WHERE id = pair.message_id
), couriers AS (
    UPDATE couriers_courier SET status = 'busy', ready_at = now() FROM pair WHERE id = pair.courier_id
), flights AS (
    INSERT INTO pigeon_messages_flight
        (message_id, courier_id, outcome, departed_at, arrives_at, distance_km, from_latitude, from_longitude)
    SELECT message_id, courier_id, 'flying', now(), now(), 1, latitude, longitude FROM pair
), message_events AS (
    INSERT INTO pigeon_messages_messageevent (subject_id, from_status, to_status, actor, reason, at)
    SELECT message_id, 'queued', 'enroute', 'dispatch', '', now() FROM pair
)
INSERT INTO couriers_courierevent (subject_id, from_status, to_status, actor, reason, at)
SELECT courier_id, 'available', 'busy', 'dispatch', '', now() FROM pair
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
    command = [sys.executable, "-m", "bench.dispatching"]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    if done["n"] != QUEUE:
        raise RuntimeError(f"{done['n']} of {QUEUE} messages departed.")
    return done["n"] / done["seconds"], done["peak_mb"]


def work() -> None:
    """Dispatch in this process as its task does, until no courier is free, and print the figures."""
    import django

    django.setup()
    # What a Celery worker has loaded.
    from messages import tasks
    from messages.dispatch.departures import dispatch_queue
    from ops_console.celery import app

    assert tasks.dispatch.name in app.tasks
    connection.ensure_connection()
    start = time.perf_counter()
    done = dispatch_queue(now=timezone.now)
    n = done.n_departed
    seconds = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"n": n, "seconds": seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    work()
