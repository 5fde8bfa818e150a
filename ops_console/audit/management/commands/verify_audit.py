from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops_console.audit.verification import Summary, problems


class Command(BaseCommand):
    help = "Prove that no audit entry was changed or removed; name those that were and exit 1."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        summary, n_problems = Summary(), 0
        for problem in problems(summary):
            n_problems += 1
            self.stderr.write(problem)
        seen = f"{summary.n_entries} entries in {summary.n_chains} chains"
        if n_problems:
            raise CommandError(f"The audit trail is not whole: {n_problems} fault(s) in {seen}.")
        self.stdout.write(self.style.SUCCESS(f"The audit trail is whole: {seen}."))
