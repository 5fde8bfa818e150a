"""PostgreSQL is stopped, or crashes, under the workers; they go on by themselves once it is back."""

from __future__ import annotations

from tests.faults.house import House
from tests.faults.proof import assert_all_delivered_once
from tests.faults.queues import Queue


def test_workers_survive_a_database_that_is_stopped_and_one_that_crashes(house: House, queue: Queue) -> None:
    house.start("beat")
    house.start_worker()
    queue.wait_for(queue.n_messages // 10, house)
    house.restart_postgres()
    queue.wait_for(queue.n_messages // 2, house)
    house.crash_postgres()
    queue.wait_for(queue.n_messages, house)
    assert_all_delivered_once(queue.n_messages)
