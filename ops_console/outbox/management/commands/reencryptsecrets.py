"""Encrypt stored secrets under the current SECRET_KEY, so that an old one can leave SECRET_KEY_FALLBACKS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops_console.outbox import services
from ops_console.secrets_at_rest import Undecipherable


class Command(BaseCommand):
    help = "Encrypt stored secrets under the current SECRET_KEY. Repeating it does no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            n_secrets = services.reencrypt_secrets()
        except Undecipherable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Encrypted {n_secrets} webhook secrets under the current SECRET_KEY.")
