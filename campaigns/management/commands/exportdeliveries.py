from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from campaigns.services.exports import export_deliveries
from ops_console.access.commands import DomainCommand


class Command(DomainCommand):
    help = (
        "Write the deliveries of a campaign in CSV, in constant memory. Cells that a spreadsheet would take for "
        "formulas begin with an apostrophe."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", metavar="ID", type=UUID)
        parser.add_argument("--output", type=Path, metavar="FILE", help="else standard output; whole or not at all")

    def handle(self, *args: Any, campaign: UUID, output: Path | None, **options: Any) -> None:
        chunks = export_deliveries(campaign_id=campaign, actor=self.actor)
        if output is not None:
            self._write(chunks, output)
            return
        try:
            for chunk in chunks:
                self.stdout.write(chunk.decode(), ending="")
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has enough; Python would complain again of what is left at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _write(self, chunks: Iterable[bytes], output: Path) -> None:
        """All of it or nothing: what was there stays until the file is whole."""
        output = output.resolve()
        is_device = output.exists() and not output.is_file()
        unfinished = output if is_device else output.with_name(f".{output.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                file.writelines(chunks)
            unfinished.replace(output)
        except OSError as error:
            raise CommandError(str(error)) from None
        finally:
            if not is_device:
                unfinished.unlink(missing_ok=True)
