from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from couriers.fleet_files import read_fleet
from couriers.grid import cell
from couriers.models import Courier
from couriers.services import FleetEntry, load_fleet
from ops_console.access.actors import SYSTEM
from ops_console.audit.models import AuditEntry
from ops_console.imports.rows import GoodRow
from tests.fleets import NOW, even_points, pgn_id

pytestmark = pytest.mark.django_db

HEADER = "pgnId,variety,region,latitude,longitude,partner,status,speed_kmh,payload_g\n"
GOOD = "CPL593H,mondain,US_SW,35.687,-105.938,Sandia Lofts,,,\nABC123D,runt,AN,-90,0,Polar Post,offline,50.5,60\n"


def load(file: Path, *options: str) -> str:
    out = StringIO()
    call_command("loadcouriers", str(file), *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.csv"
    path.write_text(HEADER + GOOD)
    return path


def rows() -> list[Any]:
    return list(Courier.objects.order_by("pk").values())


def test_couriers_are_loaded_with_the_figures_of_their_variety_or_their_own(file: Path) -> None:
    assert load(file) == "2 added, 0 changed, 0 unchanged, 0 bad.\n"
    mondain, runt = Courier.objects.order_by("-pgn_id")
    assert (mondain.status, mondain.speed_kmh, mondain.payload_g) == ("available", 50, 75)
    assert (runt.status, runt.speed_kmh, runt.payload_g, runt.region) == ("offline", 50.5, 60, "AN")
    assert mondain.cell == cell(35.687, -105.938)


def test_loading_again_changes_nothing_even_after_a_flight(file: Path) -> None:
    load(file)
    Courier.objects.filter(pgn_id="CPL593H").update(latitude=33.4, longitude=-112.1, cell=cell(33.4, -112.1))
    before = rows()
    assert load(file) == "0 added, 0 changed, 2 unchanged, 0 bad.\n"
    assert rows() == before
    assert AuditEntry.objects.filter(action="courier.load").count() == 1


def test_changed_figures_are_written_and_audited(file: Path) -> None:
    load(file)
    file.write_text(HEADER + GOOD.replace("Polar Post", "Pole Post"))
    assert load(file) == "0 added, 1 changed, 1 unchanged, 0 bad.\n"
    assert Courier.objects.get(pgn_id="ABC123D").partner == "Pole Post"
    entry = AuditEntry.objects.filter(action="courier.load").latest("id")
    assert entry.actor == "command:loadcouriers"
    assert entry.before["ABC123D"]["partner"] == "Polar Post"
    assert entry.after["ABC123D"]["partner"] == "Pole Post"


def test_a_dry_run_counts_and_changes_nothing(file: Path) -> None:
    assert load(file, "--dry-run") == "Dry run, nothing is written: 2 added, 0 changed, 0 unchanged, 0 bad.\n"
    assert rows() == []
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("cpl593h,runt,AN,0,0,P,,,", "pgnId 'cpl593h' is not"),
        ("CPL593H,runt,AN,0,0,P,,,", "stands on an earlier line"),
        ("CPL594H,ostrich,AN,0,0,P,,,", "variety 'ostrich' is none of"),
        ("CPL594H,runt,XX,0,0,P,,,", "region 'XX' is none of"),
        ("CPL594H,runt,AN,91,0,P,,,", "latitude '91' is no number from -90 to 90"),
        ("CPL594H,runt,AN,nan,0,P,,,", "latitude 'nan'"),
        ("CPL594H,runt,AN,0,,P,,,", "longitude ''"),
        ("CPL594H,runt,AN,0,0,,,,", "partner ''"),
        ("CPL594H,runt,AN,0,0,a\x00b,,,", "partner 'a\\x00b'"),
        ("CPL594H,runt,AN,0,0,P,busy,,", "status 'busy' is none of available, offline"),
        ("CPL594H,runt,AN,0,0,P,,181,", "speed_kmh '181' is no number from 0 to 180"),
        ("CPL594H,runt,AN,0,0,P,,0,", "speed_kmh must be more than 0"),
        ("CPL594H,runt,AN,0,0,P,,,76", "payload_g '76' is no number from 0 to 75"),
        ("CPL594H,runt,AN", "3 values for 9 columns"),
        ('CPL594H,"runt"x,AN,0,0,P,,,', "not CSV"),
    ],
)
def test_a_bad_row_is_reported_by_line_and_the_good_are_loaded(file: Path, row: str, reason: str) -> None:
    file.write_text(HEADER + GOOD + row + "\nZZZ999Z,runt,AN,0,0,Polar Post,,,\n")
    out = StringIO()
    with pytest.raises(CommandError, match="Bad rows left out: 1"):
        call_command("loadcouriers", str(file), stdout=out)
    fault, counts = out.getvalue().splitlines()
    assert fault.startswith("line 4: ")
    assert reason in fault
    assert counts == "3 added, 0 changed, 0 unchanged, 1 bad."
    assert Courier.objects.count() == 3


def test_bytes_that_are_no_text_are_a_bad_row(file: Path) -> None:
    file.write_bytes((HEADER + GOOD).encode() + b"CPL594H,runt,AN,0,0,\xff\xfe,,,\n")
    with pytest.raises(CommandError, match="Bad rows left out: 1"):
        load(file)
    assert Courier.objects.count() == 2


@pytest.mark.parametrize("header", ["", "pgnId,variety\n", HEADER.replace("partner", "owner"), "a\x00,b\n"])
def test_a_file_without_its_columns_is_refused(file: Path, header: str) -> None:
    file.write_text(header + GOOD)
    with pytest.raises(CommandError, match="The first line"):
        load(file)
    assert not Courier.objects.exists()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        load(tmp_path / "none.csv")


def entries(n: int) -> list[FleetEntry]:
    lines = [HEADER] + [f"{pgn_id(i)},runt,AN,{a},{b},P,,,\n" for i, (a, b) in enumerate(even_points(n))]
    return [row.value for row in read_fleet(lines) if isinstance(row, GoodRow)]


@pytest.mark.parametrize("n", [10, 200])
def test_a_batch_takes_a_handful_of_queries(n: int, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    batch = entries(n)
    assert len(batch) == n
    with django_assert_max_num_queries(12):
        assert load_fleet(entries=batch, actor=SYSTEM, now=NOW).n_added == n


def test_rows_are_read_one_at_a_time() -> None:
    taken = []

    def lines() -> object:
        for line in [HEADER, *GOOD.splitlines(keepends=True)]:
            taken.append(line)
            yield line

    reader = read_fleet(lines())  # type: ignore[arg-type]
    next(reader)
    assert len(taken) == 2
