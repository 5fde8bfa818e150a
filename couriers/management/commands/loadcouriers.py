from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from django.utils import timezone

from couriers.fleet_files import read_fleet
from couriers.services import FleetEntry, load_fleet
from ops_console.imports.command import ImportCommand
from ops_console.imports.rows import BadRow, GoodRow


class Command(ImportCommand[FleetEntry]):
    help = (
        "Load couriers from a CSV file with the columns pgnId, variety, region, latitude, longitude, partner, and "
        "optionally status, speed_kmh, payload_g. Bad rows are reported and left out, and the command then exits 1; "
        "the good ones are loaded. Running it again changes nothing."
    )
    title = "Couriers"
    outcomes = ("added", "changed", "unchanged")

    def read(self, lines: TextIO) -> Iterator[GoodRow[FleetEntry] | BadRow]:
        return read_fleet(lines)

    def load(self, rows: Sequence[GoodRow[FleetEntry]], *, dry_run: bool) -> tuple[Counter[str], list[BadRow]]:
        entries = [row.value for row in rows]
        change = load_fleet(entries=entries, actor=self.actor, now=timezone.now(), dry_run=dry_run)
        return Counter(added=change.n_added, changed=change.n_changed, unchanged=change.n_unchanged), []
