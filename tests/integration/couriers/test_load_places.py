from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from couriers.grid import cell
from couriers.models import Place
from couriers.places import load_places
from couriers.stations import STATIONS
from ops_console.audit.models import AuditEntry
from ops_console.regions import Region
from tests.factories import COMMAND, NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]


def test_all_cities_and_stations_are_there_with_their_region() -> None:
    assert Place.objects.filter(id__gt=0).count() == 34_006
    assert Place.objects.filter(id__lt=0).count() == len(STATIONS) == len({station.id for station in STATIONS})
    santa_fe = Place.objects.get(pk=5490263)
    assert (santa_fe.name, santa_fe.region, santa_fe.admin1) == ("Santa Fe", Region.US_SW, "NM")
    assert santa_fe.cell == cell(santa_fe.latitude, santa_fe.longitude)
    assert set(Place.objects.values_list("region", flat=True)) == set(Region)


def test_stations_lie_in_antarctica() -> None:
    assert not Place.objects.filter(region=Region.AN, latitude__gt=-60).exists()


def test_loading_again_changes_nothing() -> None:
    out = StringIO()
    call_command("loadplaces", stdout=out)
    assert out.getvalue() == f"{34_006 + len(STATIONS)} places: 0 written, 0 removed.\n"
    assert not AuditEntry.objects.exists()


def test_loading_mends_what_differs() -> None:
    Place.objects.filter(pk=5490263).update(name="Santa Fé")
    Place.objects.filter(pk=5308655).delete()
    Place.objects.create(
        id=1, name="Gone", names=["gone"], country="US", region="US_SW", latitude=0, longitude=0, cell=0, population=1
    )
    seen: list[int] = []
    loaded = load_places(actor=COMMAND, now=NOW, progress=seen.append)
    assert (loaded.written, loaded.removed) == (2, 1)
    assert seen[-1] == loaded.total
    assert Place.objects.get(pk=5490263).name == "Santa Fe"
    assert not Place.objects.filter(pk=1).exists()
    entry = AuditEntry.objects.get()
    assert (entry.chain_id, entry.actor, entry.action) == ("platform", "command:tests", "place.load")
    assert entry.after == {"written": 2, "removed": 1, "total": loaded.total}
