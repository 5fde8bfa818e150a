"""The base of commands that load a CSV file."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TextIO, TypeVar

from django.core.management.base import CommandError

from ops_console.access.commands import DomainCommand
from ops_console.imports.progress import progress_bar
from ops_console.imports.rows import BadHeader, BadRow, GoodRow

T = TypeVar("T")


class ImportCommand(DomainCommand, Generic[T]):
    """Loads FILE.csv batch by batch; reports every bad row, loads the good ones, and exits 1 if any was bad.

    Subclasses say how a file is read and what is done with a batch.
    """

    title: ClassVar[str]
    # What a row may come to, in the order of the report; "bad" is added.
    outcomes: ClassVar[tuple[str, ...]]
    batch_size: ClassVar[int] = 1000
    # What becomes of bad rows, in the sentence the command then ends with.
    bad_rows: ClassVar[str] = "Bad rows left out"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="check and count, and change nothing")

    def read(self, lines: TextIO) -> Iterator[GoodRow[T] | BadRow]:
        raise NotImplementedError

    def load(self, rows: Sequence[GoodRow[T]], *, dry_run: bool) -> tuple[Counter[str], list[BadRow]]:
        """Load a batch: how many rows came to what, and those that were refused."""
        raise NotImplementedError

    def handle(self, *args: Any, file: Path, dry_run: bool, **options: Any) -> None:
        try:
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                counts = self._load_all(lines, n_lines=_count_lines(file), dry_run=dry_run)
        except (OSError, BadHeader) as error:
            raise CommandError(str(error)) from None
        verdict = "Dry run, nothing is written: " if dry_run else ""
        report = ", ".join(f"{counts[name]} {name}" for name in (*self.outcomes, "bad"))
        self.stdout.write(f"{verdict}{report}.")
        if counts["bad"]:
            raise CommandError(f"{self.bad_rows}: {counts['bad']}. Mend them and load the file again.")

    def _load_all(self, lines: TextIO, *, n_lines: int, dry_run: bool) -> Counter[str]:
        counts: Counter[str] = Counter()
        rows = self.read(lines)
        with progress_bar(self.title, total=n_lines - 1) as progress:
            while batch := list(islice(rows, self.batch_size)):
                bad = [row for row in batch if isinstance(row, BadRow)]
                loaded, refused = self.load([row for row in batch if isinstance(row, GoodRow)], dry_run=dry_run)
                for row in sorted([*bad, *refused], key=lambda row: row.line):
                    self.stdout.write(f"line {row.line}: {row.reason}")
                counts += loaded + Counter(bad=len(bad) + len(refused))
                progress(counts.total())
        return counts


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)
