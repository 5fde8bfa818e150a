"""Load couriers from a CSV file."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from couriers.fleet_files import BadHeader, BadRow, read_fleet
from couriers.management.progress import progress_bar
from couriers.services import FleetEntry, load_fleet
from ops_console.access.actors import Actor

BATCH = 1000


class Command(BaseCommand):
    help = (
        "Load couriers from a CSV file with the columns pgnId, variety, region, latitude, longitude, partner, and "
        "optionally status, speed_kmh, payload_g. Bad rows are reported and left out, and the command then exits 1; "
        "the good ones are loaded. Running it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="Check and count, and change nothing.")

    def handle(self, *args: Any, file: Path, dry_run: bool, **options: Any) -> None:
        try:
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                counts = self._load(lines, n_lines=_count_lines(file), dry_run=dry_run)
        except (OSError, BadHeader) as error:
            raise CommandError(str(error)) from None
        verdict = "Dry run, nothing is written: " if dry_run else ""
        report = ", ".join(f"{counts[name]} {name}" for name in ("added", "changed", "unchanged", "bad"))
        self.stdout.write(f"{verdict}{report}.")
        if counts["bad"]:
            raise CommandError(f"{counts['bad']} bad rows are left out: mend them and load the file again.")

    def _load(self, lines: TextIO, *, n_lines: int, dry_run: bool) -> Counter[str]:
        counts: Counter[str] = Counter()
        rows = read_fleet(lines)
        with progress_bar("Couriers", total=n_lines - 1) as progress:
            while batch := list(islice(rows, BATCH)):
                counts += self._load_batch(batch, dry_run=dry_run)
                progress(counts.total())
        return counts

    def _load_batch(self, batch: list[FleetEntry | BadRow], *, dry_run: bool) -> Counter[str]:
        bad = [row for row in batch if isinstance(row, BadRow)]
        for row in bad:
            self.stdout.write(f"line {row.line}: {row.reason}")
        change = load_fleet(
            entries=[row for row in batch if isinstance(row, FleetEntry)],
            actor=Actor.command("loadcouriers"),
            now=timezone.now(),
            dry_run=dry_run,
        )
        counts = {"added": change.n_added, "changed": change.n_changed, "unchanged": change.n_unchanged}
        return Counter({**counts, "bad": len(bad)})


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)
