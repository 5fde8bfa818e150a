from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from couriers.grid import great_circle_km
from couriers.models import Place
from couriers.nearest import nearest_place
from couriers.places import resolve_address
from ops_console.errors import InvalidInput
from ops_console.regions import Region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]


@pytest.mark.parametrize(
    ("city", "region", "country", "expected"),
    [
        ("Santa Fe", "NM", "US", (5490263, Region.US_SW)),
        ("santa-fe", "New Mexico", "us", (5490263, Region.US_SW)),
        ("Santa Fe", "", "AR", (3836277, Region.SA_S)),
        ("Phoenix", "arizona", "US", (5308655, Region.US_SW)),
        # Of several the largest.
        ("Paris", "", "US", (4717560, Region.US_SW)),
        ("London", "", "GB", (2643743, Region.EU_W)),
        # A region that is no code of ours is no hindrance outside the United States.
        ("London", "Greater London", "GB", (2643743, Region.EU_W)),
        # Names in any script, with or without accents.
        ("Zurich", "", "CH", (2657896, Region.EU_W)),
        ("København", "", "DK", (2618425, Region.EU_N)),
        ("Москва", "", "RU", (524901, Region.EU_E)),
        ("東京", "", "JP", (1850147, Region.AS_E)),
        # Another name of it.
        ("New York", "NY", "US", (5128581, Region.US_NE)),
        ("McMurdo", "", "AQ", (-1, Region.AN)),
    ],
)
def test_an_address_resolves(city: str, region: str, country: str, expected: tuple[int, Region]) -> None:
    place = resolve_address(city=city, region=region, country=country)
    assert (place.id, place.region) == expected


def test_a_state_chooses_among_namesakes() -> None:
    portland = {state: resolve_address(city="Portland", region=state, country="US") for state in ("OR", "ME", "TX")}
    assert {state: place.admin1 for state, place in portland.items()} == {"OR": "OR", "ME": "ME", "TX": "TX"}


def test_a_code_is_preferred_abroad() -> None:
    assert resolve_address(city="London", region="08", country="CA").admin1 == "08"


def test_the_very_name_goes_before_a_larger_place_with_that_other_name() -> None:
    place = resolve_address(city="Newton", region="", country="US")
    # Tallahassee once was one.
    assert place.admin1 == "MA"


@pytest.mark.parametrize(
    ("city", "region", "country", "member"),
    [
        ("Nowhere at all", "", "US", "city"),
        ("Santa Fe", "AZ", "US", "city"),
        ("", "NM", "US", "city"),
        ("!!!", "NM", "US", "city"),
        ("a\x00b\ud800", "NM", "US", "city"),
        ("Santa Fe", "ZZ", "US", "region"),
        ("Santa Fe", "Bavaria", "US", "region"),
        ("Santa Fe", "NM", "XX", "country"),
        ("Santa Fe", "NM", "", "country"),
        ("Santa Fe", "NM", "U\x00", "country"),
    ],
)
def test_what_resolves_to_no_place_is_refused_by_member(city: str, region: str, country: str, member: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        resolve_address(city=city, region=region, country=country, path=("destination", "address"))
    assert [error.path for error in refused.value.errors] == [("destination", "address", member)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(), st.text(), st.sampled_from(["US", "DE", "AQ", ""]) | st.text())
def test_any_text_resolves_or_is_refused(city: str, region: str, country: str) -> None:
    try:
        place = resolve_address(city=city, region=region, country=country)
    except InvalidInput:
        return
    assert place.country == country.strip().upper()


def test_an_address_takes_one_query_by_the_index(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1) as captured:
        resolve_address(city="Phoenix", region="AZ", country="US")
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        assert any("place_names" in line for (line,) in cursor.fetchall())


@pytest.mark.parametrize(
    "point", [(35.0, -106.0), (90.0, 0.0), (-90.0, 0.0), (0.0, 180.0), (0.0, -180.0), (-48.9, -123.4), (1e-320, 0.0)]
)
def test_the_nearest_place_is_the_one_brute_force_finds(point: tuple[float, float]) -> None:
    everywhere = Place.objects.values_list("id", "latitude", "longitude")
    expected = min((round(great_circle_km(*point, *where) * 1e6), pk) for pk, *where in everywhere)
    assert nearest_place(latitude=point[0], longitude=point[1]).pk == expected[1]


def test_the_nearest_place_takes_three_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):
        assert nearest_place(latitude=33.45, longitude=-112.07).name == "Phoenix"
