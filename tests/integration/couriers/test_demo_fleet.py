from __future__ import annotations

from collections import Counter

import pytest

from couriers.demo import create_demo_fleet
from couriers.models import Courier, CourierStatus
from couriers.nearest import nearest_courier
from couriers.varieties import Variety
from ops_console.regions import Region
from tests.fleets import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]


def test_the_demo_fleet_lives_in_every_region() -> None:
    assert create_demo_fleet(now=NOW) == 2400
    regions = Counter(Courier.objects.filter(status=CourierStatus.AVAILABLE).values_list("region", flat=True))
    assert set(regions) == set(Region)
    assert min(regions.values()) >= 50
    assert Courier.objects.filter(region=Region.AN, latitude__lt=-60).count() == regions[Region.AN] + 1
    example = Courier.objects.get(pgn_id="CPL593H")
    assert (example.variety, example.region, example.status) == (Variety.MONDAIN, Region.US_SW, "available")
    assert set(Courier.objects.values_list("variety", flat=True)) == set(Variety)


def test_creating_it_again_changes_nothing() -> None:
    create_demo_fleet(now=NOW)
    before = list(Courier.objects.order_by("pk").values())
    assert create_demo_fleet(now=NOW) == 0
    assert list(Courier.objects.order_by("pk").values()) == before


def test_a_message_to_phoenix_flies_some_way() -> None:
    create_demo_fleet(now=NOW)
    found = nearest_courier(latitude=33.448, longitude=-112.074, payload_g=75, now=NOW)
    assert found is not None
    assert 200 < found.distance_km < 800
