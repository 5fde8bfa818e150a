from __future__ import annotations

from datetime import timedelta

import pytest

from couriers.models import Courier, CourierEvent, CourierStatus
from couriers.services import bring_back, take_out_of_service, wake_rested
from couriers.transitions import MACHINE
from ops_console.access.actors import Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidTransition, NotFound
from ops_console.organizations.models import Person
from tests.fleets import NOW, courier

pytestmark = pytest.mark.django_db

AVAILABLE, BUSY, RESTING, OFFLINE = CourierStatus
MOVES = {
    (AVAILABLE, BUSY),
    (BUSY, RESTING),
    (RESTING, AVAILABLE),
    (AVAILABLE, OFFLINE),
    (BUSY, OFFLINE),
    (RESTING, OFFLINE),
    (OFFLINE, AVAILABLE),
}
KEEPER = Actor.command("keeper")


def bird(status: CourierStatus, number: int = 1, *, ready_in_s: int | None = None) -> Courier:
    ready_at = None if ready_in_s is None else NOW + timedelta(seconds=ready_in_s)
    made = courier(number, 35, -106, status=status, ready_at=ready_at)
    made.save()
    return made


@pytest.mark.parametrize("source", CourierStatus)
@pytest.mark.parametrize("target", CourierStatus)
def test_every_pair_of_states(source: CourierStatus, target: CourierStatus) -> None:
    made = bird(source)
    if (source, target) in MOVES:
        assert MACHINE.move_one(made.pk, target, actor="test", at=NOW) == source
        event = CourierEvent.objects.get(subject=made)
        assert (event.from_status, event.to_status, event.actor, event.at) == (source, target, "test", NOW)
    else:
        with pytest.raises(InvalidTransition):
            MACHINE.move_one(made.pk, target, actor="test", at=NOW)
        assert not CourierEvent.objects.exists()
    made.refresh_from_db()
    assert made.status == (target if (source, target) in MOVES else source)


def test_the_rested_wake_longest_rested_first() -> None:
    late, early = bird(RESTING, 1, ready_in_s=0), bird(RESTING, 2, ready_in_s=-60)
    others = [bird(RESTING, 3, ready_in_s=1), bird(BUSY, 4, ready_in_s=-60), bird(OFFLINE, 5)]
    assert wake_rested(now=NOW, limit=1) == [early.pk]
    assert wake_rested(now=NOW) == [late.pk]
    assert wake_rested(now=NOW) == []
    woken = Courier.objects.get(pk=early.pk)
    assert (woken.status, woken.ready_at) == (AVAILABLE, NOW - timedelta(seconds=60))
    assert set(CourierEvent.objects.values_list("subject", "to_status")) == {
        (early.pk, "available"),
        (late.pk, "available"),
    }
    assert [Courier.objects.get(pk=other.pk).status for other in others] == [RESTING, BUSY, OFFLINE]


@pytest.mark.parametrize("status", [AVAILABLE, RESTING])
def test_a_courier_leaves_service_and_comes_back(status: CourierStatus) -> None:
    made = bird(status, ready_in_s=60)
    take_out_of_service(courier_id=made.pk, reason="ill", actor=KEEPER, now=NOW)
    made.refresh_from_db()
    assert (made.status, made.ready_at) == (OFFLINE, None)
    bring_back(courier_id=made.pk, reason="well again", actor=KEEPER, now=NOW)
    made.refresh_from_db()
    assert made.status == AVAILABLE
    entries = AuditEntry.objects.order_by("id").values_list("action", "target_id", "reason", "before", "after")
    assert list(entries) == [
        ("courier.offline", made.pgn_id, "ill", {"status": status}, {"status": "offline"}),
        ("courier.available", made.pgn_id, "well again", {"status": "offline"}, {"status": "available"}),
    ]


@pytest.mark.parametrize("status", [BUSY, OFFLINE])
def test_a_courier_in_the_air_or_out_of_service_stays_as_it_is(status: CourierStatus) -> None:
    made = bird(status)
    with pytest.raises(InvalidTransition):
        take_out_of_service(courier_id=made.pk, reason="ill", actor=KEEPER, now=NOW)
    assert Courier.objects.get(pk=made.pk).status == status
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("status", [AVAILABLE, BUSY, RESTING])
def test_only_one_out_of_service_is_brought_back(status: CourierStatus) -> None:
    made = bird(status)
    with pytest.raises(InvalidTransition):
        bring_back(courier_id=made.pk, reason="", actor=KEEPER, now=NOW)
    assert Courier.objects.get(pk=made.pk).status == status


def test_a_missing_courier_is_not_found() -> None:
    with pytest.raises(NotFound):
        take_out_of_service(courier_id=0, reason="", actor=KEEPER, now=NOW)


def test_it_takes_the_permission_of_staff() -> None:
    made = bird(AVAILABLE)
    clerk = Actor.staff(Person.objects.create_user("clerk@house.example", is_staff=True))
    with pytest.raises(Forbidden):
        take_out_of_service(courier_id=made.pk, reason="", actor=clerk, now=NOW)
    assert Courier.objects.get(pk=made.pk).status == AVAILABLE
