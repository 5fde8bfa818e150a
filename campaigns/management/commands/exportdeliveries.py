from __future__ import annotations

from argparse import ArgumentParser
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
        parser.add_argument("--output", type=Path, metavar="FILE", help="else standard output")

    def handle(self, *args: Any, campaign: UUID, output: Path | None, **options: Any) -> None:
        chunks = export_deliveries(campaign_id=campaign, actor=self.actor)
        if output is None:
            for chunk in chunks:
                self.stdout.write(chunk.decode(), ending="")
            return
        try:
            with output.open("wb") as file:
                file.writelines(chunks)
        except OSError as error:
            raise CommandError(str(error)) from None
