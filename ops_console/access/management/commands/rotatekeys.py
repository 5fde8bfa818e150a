from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from ops_console.access.commands import DomainCommand
from ops_console.access.services import signing_keys


class Command(DomainCommand):
    help = "Let the next signing key sign from now on, and publish its successor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at-once",
            action="store_true",
            help="replace and forget every key, because one was seen by others: all access tokens end now",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kid = signing_keys.rotate(actor=self.actor, now=timezone.now(), at_once=options["at_once"])
        self.stdout.write(f"The key {kid} signs from now on. Running processes follow within a minute.")
