"""Workers are killed in the middle of their work, and started again."""

from __future__ import annotations

import random
from typing import LiteralString

from tests.faults.house import House
from tests.faults.proof import assert_all_delivered_once
from tests.faults.queues import SEED, Queue

# Where in its transaction a worker is when it is killed: what holds it up there, and the statement it is at.
LOCK_FLIGHTS = "LOCK TABLE pigeon_messages_flight IN SHARE MODE"
LOCK_COUNTS = "LOCK TABLE pigeon_messages_messageflow IN SHARE MODE"
LOCK_BUSY_COURIERS = "SELECT FROM couriers_courier WHERE status = 'busy' FOR UPDATE SKIP LOCKED"
MIDSTS: list[tuple[LiteralString, str]] = [
    # Departing: couriers are busy, without a flight.
    (LOCK_FLIGHTS, "INSERT INTO pigeon_messages_flight"),
    # Landing: messages are delivered, their couriers still fly.
    (LOCK_BUSY_COURIERS, "WITH wanted AS"),
    # Departing or landing: messages have moved and are not counted.
    (LOCK_COUNTS, "INSERT INTO pigeon_messages_messageflow"),
]


def test_killed_workers_lose_and_repeat_nothing(house: House, queue: Queue) -> None:
    house.start("beat")
    workers = [house.start_worker() for _ in range(queue.n_workers)]
    house.wait_until(lambda: queue.n_delivered > 0)
    for hold, statement in MIDSTS:
        with house.standstill(hold, statement):
            for worker in workers:
                worker.kill()
        for worker in workers:
            worker.start()
    chance = random.Random(SEED)
    for moment in sorted(chance.sample(range(queue.n_delivered, queue.n_messages), queue.n_workers)):
        queue.wait_for(moment, house)
        worker = chance.choice(workers)
        worker.kill()
        worker.start()
    queue.wait_for(queue.n_messages, house)
    assert_all_delivered_once(queue.n_messages)
