"""Where touches are kept: partitions made and dropped, days counted up, and nothing lost or doubled on the way."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from threading import Event
from time import sleep
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from campaigns.heatmaps import queries, screens, storage, touches
from campaigns.heatmaps.queries import Asked
from campaigns.models import Screen
from campaigns.tasks import tend_touches
from ops_console.organizations.models import Organization
from tests import factories, heatmaps, tenants
from tests.heatmaps import SCREEN, n_kept, touch
from tests.threads import in_threads

database = pytest.mark.usefixtures("no_days")
TODAY = datetime(2026, 3, 18, tzinfo=UTC)
LONG_AGO = TODAY - timedelta(days=10)


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has not yet seen to any day."""
    monkeypatch.setattr(touches, "_ready", None)


@pytest.fixture
def no_days(db: None) -> None:
    """No day has a partition: tests that commit leave theirs behind, though empty."""
    with connection.cursor() as cursor:
        for table in (storage.TOUCHES, storage.DAYS):
            for partition in storage.partitions(table).values():
                cursor.execute(f"DROP TABLE {partition}")


def n_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def days(table: str) -> set[date]:
    return set(storage.partitions(table))


def total(house: Organization, now: datetime = TODAY + timedelta(days=1), **asked: Any) -> int:
    found = queries.query(asked=Asked(SCREEN, **asked), organization_id=house.pk, actor=factories.COMMAND, now=now)
    return sum(each.n for each in found.user_counts)


@database
def test_the_first_touch_of_a_day_makes_its_partition_and_the_task_those_to_come() -> None:
    who = tenants.member(factories.organization())
    touch(who, (0.5, 0.5), now=TODAY + timedelta(hours=23, minutes=59))
    assert days(storage.TOUCHES) == {TODAY.date()}
    assert n_in(storage.WAITING) == 0
    storage.tend(TODAY)
    assert days(storage.TOUCHES) == {TODAY.date() + timedelta(days=ahead) for ahead in range(4)}


@database
def test_a_touch_without_a_partition_waits_and_is_put_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    house = factories.organization()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "make_day", _fail)
        touch(tenants.member(house), (0.5, 0.5), (0.1, 0.1), now=TODAY)
    assert (n_in(storage.WAITING), total(house)) == (2, 2)
    storage.make_days(TODAY.date())
    assert (n_in(storage.WAITING), n_in(storage.partition_of(storage.TOUCHES, TODAY.date()))) == (0, 2)
    assert total(house) == 2


def _fail(day: date) -> bool:
    raise DatabaseError("lock timeout")


@database
def test_old_days_are_counted_up_and_forgotten_in_time(settings: Settings) -> None:
    settings.HEATMAP_ROLLUP_AFTER_DAYS, settings.HEATMAP_KEEP_DAYS = 2, 30
    house = factories.organization()
    who = tenants.member(house)
    for at in (LONG_AGO, TODAY - timedelta(days=2), TODAY):
        touch(who, (0.5, 0.5), (0.5, 0.5), now=at)
    assert storage.tend(TODAY) == 2
    assert n_kept() == (4, 2)
    assert LONG_AGO.date() not in days(storage.TOUCHES)
    # One who comes late is counted with the others.
    touch(who, (0.5, 0.5), now=LONG_AGO + timedelta(hours=1))
    assert total(house) == 7
    assert storage.tend(TODAY) == 2
    assert (n_kept(), total(house)) == ((4, 3), 7)
    assert storage.tend(TODAY) == 0
    # Thirty days on, the first of them are gone.
    assert storage.tend(LONG_AGO + timedelta(days=31)) > 0
    assert (n_kept(), days(storage.DAYS)) == ((0, 4), {TODAY.date() - timedelta(days=2), TODAY.date()})
    storage.tend(TODAY + timedelta(days=40))
    assert (n_kept(), days(storage.DAYS)) == ((0, 0), set())
    assert not Screen.objects.filter(name=SCREEN).exists()


@database
def test_a_day_that_cannot_be_counted_up_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    house = factories.organization()
    touch(tenants.member(house), (0.5, 0.5), now=LONG_AGO)
    # As after a crash between the counting and the emptying.
    monkeypatch.setattr(storage, "COUNT_UP", storage.COUNT_UP + "; SELECT 1 / 0")
    assert tend_touches() == 0
    assert (n_kept(), total(house)) == ((1, 0), 1)
    monkeypatch.undo()
    tend_touches()
    assert n_kept()[0] == 0


@database
def test_what_is_rolled_back_is_no_screen_to_remember() -> None:
    house = factories.organization()
    with transaction.atomic():
        screens.ids_of(house.pk, ["Draft"], TODAY.date())
        transaction.set_rollback(True)
    [pk] = screens.ids_of(house.pk, ["Draft"], TODAY.date()).values()
    assert Screen.objects.get(pk=pk).name == "Draft"


@pytest.mark.usefixtures("committed_db")
def test_no_more_names_are_taken_at_once_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "MOST_NAMES", 3)
    house = factories.organization()

    def take(number: int) -> None:
        with transaction.atomic():
            screens.ids_of(house.pk, [f"Screen {number}"], TODAY.date())
            # Long enough for the others to come.
            sleep(0.1)

    assert [type(each) for each in in_threads(6, take) if each is not None] == [screens.NoRoom] * 3
    assert Screen.objects.filter(organization=house).count() == 3


@pytest.mark.usefixtures("committed_db")
def test_readers_and_writers_beside_the_task_see_every_touch_once(settings: Settings) -> None:
    settings.HEATMAP_ROLLUP_AFTER_DAYS = 1
    house = factories.organization()
    members = tenants.members(house, 3)
    for back in range(4):
        for who in members:
            touch(who, *[(0.1 * n, 0.2) for n in range(10)], now=TODAY - timedelta(days=back, hours=1))
    done, seen = Event(), []

    def work(number: int) -> None:
        if number == 0:
            try:
                storage.tend(TODAY)
            finally:
                done.set()
        elif number == 1:
            while not done.is_set():
                seen.append(total(house, date_to=TODAY))
        else:
            touch(members[number - 2], (0.9, 0.9), now=TODAY + timedelta(hours=number))

    assert in_threads(5, work) == [None] * 5
    assert seen
    assert set(seen) == {120}
    assert total(house, date_to=TODAY) == 120
    assert sum(n_kept()) == 123
    assert heatmaps.n_kept()[1] == 120 - 30
    _drop_partitions()


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("is_atomic", [False, True])
def test_touches_on_their_way_when_their_day_gets_its_partition_are_kept_there(
    monkeypatch: pytest.MonkeyPatch, is_atomic: bool
) -> None:
    monkeypatch.setattr(touches, "_ready", TODAY.date())
    house = factories.organization()
    who = tenants.member(house)
    screens.ids_of(house.pk, [SCREEN], TODAY.date())

    def work(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                storage.make_day(TODAY.date())
                made.set()
                wait_until_blocked()
        else:
            made.wait()
            with transaction.atomic() if is_atomic else nullcontext():
                touch(who, (0.5, 0.5), now=TODAY)

    made = Event()
    assert in_threads(2, work) == [None] * 2
    assert (n_in(storage.WAITING), n_in(storage.partition_of(storage.TOUCHES, TODAY.date()))) == (0, 1)
    _drop_partitions()


def wait_until_blocked() -> None:
    """Until somebody waits for a lock on a table."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")
            if cursor.fetchone()[0]:
                return
        sleep(0.05)
    raise AssertionError("nobody waits")


@pytest.mark.usefixtures("committed_db")
def test_a_screen_touched_while_it_is_forgotten_stays(settings: Settings) -> None:
    house = factories.organization()
    long_ago, settings.HEATMAP_KEEP_DAYS = TODAY.date() - timedelta(days=40), 30
    [pk] = screens.ids_of(house.pk, [SCREEN], long_ago).values()

    def work(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                screens.ids_of(house.pk, [SCREEN], TODAY.date())
                touched.set()
                sleep(0.3)
        else:
            touched.wait()
            storage.purge(TODAY.date())

    touched = Event()
    assert in_threads(2, work) == [None] * 2
    assert Screen.objects.filter(pk=pk).exists()


def _drop_partitions() -> None:
    """They outlive the rows that other tests are spared."""
    with connection.cursor() as cursor:
        for table in (storage.TOUCHES, storage.DAYS):
            for partition in storage.partitions(table).values():
                cursor.execute(f"DROP TABLE {partition}")
