"""Encrypt stored secrets under the current SECRET_KEY, so that an old one can leave SECRET_KEY_FALLBACKS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from ops_console.access.commands import DomainCommand
from ops_console.outbox.services.reencryption import reencrypt_all
from ops_console.secrets_at_rest import Undecipherable


class Command(DomainCommand):
    help = "Encrypt stored secrets under the current SECRET_KEY. Repeating it does no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = reencrypt_all(actor=self.actor, now=timezone.now())
        except Undecipherable as error:
            raise CommandError(str(error)) from error
        for kind, n in counts.items():
            self.stdout.write(f"Encrypted {n} {kind} under the current SECRET_KEY.")
