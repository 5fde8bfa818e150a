from __future__ import annotations

from threading import Event

import pytest
from django.db import connection, transaction

from couriers.models import Courier
from couriers.services import FleetChange, FleetEntry, load_fleet
from couriers.varieties import PERFORMANCE, Variety
from ops_console.access.actors import SYSTEM
from ops_console.regions import Region
from tests.fleets import NOW, pgn_id
from tests.threads import in_threads
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("committed_db")


def entry(number: int) -> FleetEntry:
    performance = PERFORMANCE[Variety.MONDAIN]
    return FleetEntry(
        pgn_id=pgn_id(number),
        variety=Variety.MONDAIN,
        region=Region.US_SW,
        latitude=35.7,
        longitude=-105.9,
        partner="Sandia Lofts",
        speed_kmh=performance.speed_kmh,
        payload_g=performance.payload_g,
    )


def load(*numbers: int) -> FleetChange:
    return load_fleet(entries=[entry(number) for number in numbers], actor=SYSTEM, now=NOW)


def somebody_waits() -> bool:
    """Whether somebody waits for this transaction to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))")
        return cursor.fetchone() == (True,)


def test_two_who_add_the_same_courier_at_once_both_succeed() -> None:
    is_added = Event()

    def act(number: int) -> FleetChange:
        if number:
            assert is_added.wait(60)
            return load(1, 2)
        with transaction.atomic():
            change = load(1)
            is_added.set()
            wait_until(somebody_waits)
        return change

    assert in_threads(2, act) == [FleetChange(1, 0, 0), FleetChange(1, 0, 1)]
    assert Courier.objects.count() == 2


def test_many_who_add_the_same_couriers_in_any_order_all_succeed() -> None:
    numbers = range(200)
    changes = in_threads(6, lambda number: load(*(numbers if number % 2 else reversed(numbers))))
    assert sorted(change.n_added for change in changes if isinstance(change, FleetChange)) == [0, 0, 0, 0, 0, 200]
