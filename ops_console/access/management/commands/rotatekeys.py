from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from ops_console.access.commands import DomainCommand
from ops_console.access.services import signing_keys


class Command(DomainCommand):
    help = "Let the next signing key sign, as soon as it has been published for an hour, and publish its successor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at-once",
            action="store_true",
            help="replace and forget every key, because one was seen by others: all access tokens end now",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        rotate = signing_keys.replace_all if options["at_once"] else signing_keys.rotate
        rotation = rotate(actor=self.actor, now=now)
        if rotation.signs_from > now:
            since = f"{rotation.signs_from:%Y-%m-%d %H:%M:%S} UTC on, when others have had the time to learn of it"
        else:
            since = "now on; running processes follow within a minute"
        self.stdout.write(f"The key {rotation.kid} signs from {since}.")
