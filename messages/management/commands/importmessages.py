from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from django.core.management.base import CommandError
from django.utils import timezone

from messages.import_files import ImportedMessage, read_messages
from messages.services.imports import import_messages
from ops_console.imports.command import ImportCommand
from ops_console.imports.rows import BadRow, GoodRow
from ops_console.ledger.models import Account


class Command(ImportCommand[ImportedMessage]):
    help = (
        "Queue messages of an account from a CSV file with the columns reference and body, a destination (city and "
        "country, latitude and longitude, or recipientId) and any other member of POST messages. A reference the "
        "account has used already is left out, so running it again changes nothing."
    )
    title = "Messages"
    outcomes = ("queued", "known")
    batch_size = 200

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--account", required=True, help="whose messages they are")

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account.objects.customers().filter(username=options["account"]).first()
        if account is None:
            raise CommandError(f"--account: there is no account {options['account']}.")
        self.account = account
        super().handle(*args, **options)

    def read(self, lines: TextIO) -> Iterator[GoodRow[ImportedMessage] | BadRow]:
        return read_messages(lines)

    def load(self, rows: Sequence[GoodRow[ImportedMessage]], *, dry_run: bool) -> tuple[Counter[str], list[BadRow]]:
        drafts = [row.value.draft for row in rows]
        done = import_messages(
            account=self.account, drafts=drafts, actor=self.actor, now=timezone.now(), dry_run=dry_run
        )
        refused = [
            BadRow(row.line, done.refused[row.value.reference]) for row in rows if row.value.reference in done.refused
        ]
        return Counter(queued=len(done.queued), known=len(rows) - len(done.queued) - len(refused)), refused
