from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from couriers.flight import arrival
from couriers.grid import great_circle_km
from couriers.models import Courier, CourierStatus
from couriers.nearest import Among, Candidate, fastest_arrival, nearest_courier
from tests.fleets import NOW, courier, even_fleet

pytestmark = pytest.mark.django_db

POINTS = st.tuples(
    st.floats(-90, 90) | st.sampled_from([-90.0, 0.0, 35.0, 89.999, 90.0]),
    st.floats(-180, 180) | st.sampled_from([-180.0, -90.0, 0.0, 90.0, 179.999, 180.0]),
)
COURIERS = st.fixed_dictionaries(
    {
        # Few places, so that several sit at one.
        "place": POINTS | st.sampled_from([(35.0, 1.0), (35.0, -1.0), (90.0, 0.0), (0.0, 180.0)]),
        "status": st.sampled_from(CourierStatus),
        "speed_kmh": st.sampled_from([20.0, 60.0, 97.0, 180.0]),
        "payload_g": st.sampled_from([10.0, 40.0, 75.0]),
        "ready_at": st.none() | st.integers(-60, 100 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    }
)
FLEETS = st.lists(COURIERS, max_size=25)
DEADLINES = st.integers(-60, 170 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
over_fleets = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@contextmanager
def fleet_of(birds: list[dict[str, Any]]) -> Iterator[list[Courier]]:
    with transaction.atomic():
        yield Courier.objects.bulk_create(
            courier(number, *bird["place"], **{key: value for key, value in bird.items() if key != "place"})
            for number, bird in enumerate(birds)
        )
        transaction.set_rollback(True)


def millimetres(bird: Courier, point: tuple[float, float]) -> int:
    return round(great_circle_km(*point, bird.latitude, bird.longitude) * 1e6)


def arrives(bird: Courier, point: tuple[float, float]) -> datetime:
    distance_km = millimetres(bird, point) / 1e6
    return arrival(now=NOW, ready_at=bird.ready_at, distance_km=distance_km, speed_kmh=bird.speed_kmh)


def is_about(found: Candidate | None, bird: Courier | None, point: tuple[float, float]) -> bool:
    if found is None or bird is None:
        return found is None and bird is None
    is_same_time = abs(found.arrives_at - arrives(bird, point)) <= timedelta(microseconds=2)
    return found.courier_id == bird.pk and round(found.distance_km * 1e6) == millimetres(bird, point) and is_same_time


@over_fleets
@given(FLEETS, POINTS, st.sampled_from([0.0, 10.0, 11.0, 75.0]), st.sampled_from(Among))
@example([{"place": (35.0, 1.0)}, {"place": (35.0, -1.0)}], (35.0, 0.0), 10.0, Among.AVAILABLE)
@example([{"place": (0.0, -179.9)}, {"place": (0.0, 179.0)}], (0.0, 180.0), 10.0, Among.AVAILABLE)
@example([{"place": (89.9, 10.0)}, {"place": (89.8, -170.0)}], (90.0, 180.0), 10.0, Among.AVAILABLE)
@example([{"place": (-89.9, 10.0)}, {"place": (-89.95, 10.0)}], (89.0, 10.0), 10.0, Among.AVAILABLE)
def test_the_nearest_is_the_one_brute_force_finds(
    birds: list[dict[str, Any]], point: tuple[float, float], payload_g: float, among: Among
) -> None:
    with fleet_of(birds) as fleet:
        found = nearest_courier(latitude=point[0], longitude=point[1], payload_g=payload_g, now=NOW, among=among)
    right = {CourierStatus.AVAILABLE} if among is Among.AVAILABLE else set(CourierStatus) - {CourierStatus.OFFLINE}
    fit = [bird for bird in fleet if bird.status in right and bird.payload_g >= payload_g]
    assert is_about(found, min(fit, key=lambda bird: (millimetres(bird, point), bird.pk), default=None), point)


@over_fleets
@given(FLEETS, POINTS, DEADLINES)
def test_the_nearest_in_time_is_the_one_brute_force_finds(
    birds: list[dict[str, Any]], point: tuple[float, float], not_after: datetime
) -> None:
    with fleet_of(birds) as fleet:
        found = nearest_courier(
            latitude=point[0], longitude=point[1], payload_g=10, now=NOW, among=Among.WORKING, not_after=not_after
        )
    fit = [b for b in fleet if b.status != CourierStatus.OFFLINE and arrives(b, point) <= not_after]
    assert is_about(found, min(fit, key=lambda bird: (millimetres(bird, point), bird.pk), default=None), point)


@over_fleets
@given(FLEETS, POINTS, DEADLINES)
def test_the_fastest_is_the_one_brute_force_finds(
    birds: list[dict[str, Any]], point: tuple[float, float], not_after: datetime
) -> None:
    with fleet_of(birds) as fleet:
        found = fastest_arrival(latitude=point[0], longitude=point[1], payload_g=10, now=NOW, not_after=not_after)
    fit = [b for b in fleet if b.status != CourierStatus.OFFLINE and arrives(b, point) <= not_after]
    assert is_about(found, min(fit, key=lambda bird: (arrives(bird, point), bird.pk), default=None), point)


def test_a_flight_takes_its_share_of_the_time(settings: Any) -> None:
    settings.FLIGHT_SPEEDUP = 3600
    with fleet_of([{"place": (0.0, 1.0), "speed_kmh": 100.0}]):
        found = nearest_courier(latitude=0, longitude=0, payload_g=1, now=NOW)
    assert found is not None
    assert found.arrives_at - NOW == pytest.approx(timedelta(seconds=1.11195), abs=timedelta(milliseconds=1))


def test_a_deadline_without_a_time_to_fly_finds_nobody() -> None:
    with fleet_of([{"place": (10.0, 10.0)}]):
        assert fastest_arrival(latitude=0, longitude=0, payload_g=1, now=NOW, not_after=NOW) is None
        assert fastest_arrival(latitude=10, longitude=10, payload_g=1, now=NOW, not_after=NOW) is not None


@pytest.fixture
def fleet_of_20_000() -> None:
    Courier.objects.bulk_create(even_fleet(20_000), batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE couriers_courier")


def rows_read(sql: str) -> int:
    """Run it again under EXPLAIN and count the rows it fetched from the table."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT TEXT) " + sql.replace("%", "%%"))
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan, plan
    assert "courier_available_cell" in plan or "courier_working_cell" in plan, plan
    scans = re.findall(
        r"(?:Index|Bitmap Heap) Scan (?:using|on).*actual rows=(\d+)", plan.replace("Bitmap Index Scan", "")
    )
    assert scans
    return sum(map(int, scans)) + sum(map(int, re.findall(r"Rows Removed by .*?: (\d+)", plan)))


@pytest.mark.usefixtures("fleet_of_20_000")
def test_a_search_reads_few_rows_of_a_large_fleet_by_the_index() -> None:
    not_after = NOW + timedelta(hours=16)
    for latitude, longitude in [(35.7, -105.9), (90.0, 0.0), (0.0, 180.0), (-45.0, 90.0), (51.5, 0.0)]:
        with CaptureQueriesContext(connection) as queries:
            nearest_courier(latitude=latitude, longitude=longitude, payload_g=20, now=NOW)
            n_nearest = len(queries)
            fastest_arrival(latitude=latitude, longitude=longitude, payload_g=20, now=NOW, not_after=not_after)
        assert n_nearest == 2
        assert len(queries) <= 4
        assert max(rows_read(query["sql"]) for query in queries) < 1000, (latitude, longitude)
