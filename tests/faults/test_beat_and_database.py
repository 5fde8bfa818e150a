"""Beats run side by side and are killed, PostgreSQL is stopped and crashes: the workers go on by themselves."""

from __future__ import annotations

from tests.faults.house import House
from tests.faults.proof import assert_all_delivered_once
from tests.faults.queues import Queue


def test_neither_two_beats_nor_a_lost_database_do_harm(house: House, queue: Queue) -> None:
    beats = [house.start("beat"), house.start("beat")]
    house.start_worker()
    wait_for_share(0.1, house, queue)
    beats[0].kill()
    beats[0].start()
    wait_for_share(0.2, house, queue)
    house.restart_postgres()
    wait_for_share(0.4, house, queue)
    for beat in beats:
        beat.kill()
    beats[0].start()
    wait_for_share(0.6, house, queue)
    house.crash_postgres()
    queue.wait_for(queue.n_messages, house)
    assert_all_delivered_once(queue.n_messages)


def wait_for_share(share: float, house: House, queue: Queue) -> None:
    """Wait until that share of the queue is delivered, and not all of it."""
    queue.wait_for(int(share * queue.n_messages), house)
    assert queue.n_delivered < queue.n_messages
