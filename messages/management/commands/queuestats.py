from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from messages.models import MessageFlow, MessageStatus
from messages.querysets import oldest_queued
from ops_console.regions import Region


class Command(BaseCommand):
    help = "Show how many messages stand where, by region, and how long the oldest waits."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = statistics()
        if options["json"]:
            self.stdout.write(json.dumps(rows))
        elif rows:
            console = Console()
            with console.capture() as drawn:
                console.print(as_table(rows))
            self.stdout.write(drawn.get())
        else:
            self.stdout.write("No message was ever sent.")


def statistics() -> list[dict[str, Any]]:
    """One row per region that ever had a message."""
    depths = MessageFlow.objects.depths()
    now, oldest = timezone.now(), oldest_queued(Region.values)
    return [
        {
            "region": region,
            **{str(status): depths.get((region, status), 0) for status in MessageStatus.values},
            "oldest_queued_s": int((now - oldest[region]).total_seconds()) if region in oldest else None,
        }
        for region in sorted({region for region, _ in depths})
    ]


def as_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    return table
