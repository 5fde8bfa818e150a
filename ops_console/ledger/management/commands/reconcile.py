"""Prove that the ledger is right."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops_console.ledger.models import Account, Charge, Entry
from ops_console.ledger.services import reconcile


class Command(BaseCommand):
    help = "Compute every balance, entry, charge and refund again; print the differences and exit 1 when there are any."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        n_differences = 0
        for difference in reconcile():
            n_differences += 1
            self.stdout.write(str(difference))
        if n_differences:
            raise CommandError(f"The ledger does not reconcile: {n_differences} differences.")
        for username, total in Account.objects.house().posted().items():
            self.stdout.write(f"{username} {total}")
        counts = (
            f"{Account.objects.count()} accounts, {Entry.objects.count()} entries, {Charge.objects.count()} charges"
        )
        self.stdout.write(f"The ledger reconciles: {counts}.")
