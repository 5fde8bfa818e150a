"""Encrypt stored secrets under the current SECRET_KEY, so that an old one can leave SECRET_KEY_FALLBACKS."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from ops_console.access.services import signing_keys, sso_providers
from ops_console.letters import services as letters
from ops_console.outbox import services as outbox
from ops_console.secrets_at_rest import Undecipherable

# Every table of the platform that holds something encrypted; the settings name those of the apps above it.
KINDS = (
    ("webhook secrets", outbox.reencrypt_secrets),
    ("webhooks' headers", outbox.reencrypt_headers),
    ("signing keys", signing_keys.reencrypt_keys),
    ("identity providers' secrets", sso_providers.reencrypt_client_secrets),
    ("waiting e-mails", letters.reencrypt_letters),
)


class Command(BaseCommand):
    help = "Encrypt stored secrets under the current SECRET_KEY. Repeating it does no harm."

    def handle(self, *args: Any, **options: Any) -> None:
        further = settings.FURTHER_SECRETS.items()
        try:
            for name, reencrypt in (*KINDS, *((name, import_string(path)) for name, path in further)):
                self.stdout.write(f"Encrypted {reencrypt()} {name} under the current SECRET_KEY.")
        except Undecipherable as error:
            raise CommandError(str(error)) from error
