from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from messages.services.steering import dispatch_due
from ops_console.access.commands import DomainCommand


class Command(DomainCommand):
    help = "Let all due messages fly now, as the workers do every second."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would happen and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        done = dispatch_due(actor=self.actor, now=timezone.now, dry_run=options["dry_run"])
        title = "Dry run, nothing is written" if options["dry_run"] else "Dispatched"
        self.stdout.write(
            f"{title}: {done.n_claimed} due messages looked at, {done.n_departed} departed, {done.n_refunded} refunded "
            f"because nobody can make their timeframe, {done.n_postponed} waiting for a courier."
        )
