"""Beat is killed and started again, and a second one runs beside it."""

from __future__ import annotations

from tests.faults.house import House
from tests.faults.proof import assert_all_delivered_once
from tests.faults.queues import Queue


def test_two_beats_one_of_them_killed_do_no_harm(house: House, queue: Queue) -> None:
    beats = [house.start("beat"), house.start("beat")]
    house.start_worker()
    for share in (0.1, 0.4):
        queue.wait_for(int(share * queue.n_messages), house)
        beats[0].kill()
        beats[0].start()
    for beat in beats:
        beat.kill()
    beats[0].start()
    queue.wait_for(queue.n_messages, house)
    assert_all_delivered_once(queue.n_messages)
