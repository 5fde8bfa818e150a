from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from ops_console.access import services
from ops_console.access.commands import DomainCommand


class Command(DomainCommand):
    help = "Refuse a key of an organization or a service from its next request on, in every process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="its id, its shown beginning, or all of it")
        parser.add_argument("--reason", default="", help="kept in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        prefix = services.revoke_key(
            called=options["key"], actor=self.actor, now=timezone.now(), reason=options["reason"]
        )
        self.stdout.write(f"{prefix}... is refused from now on.")
