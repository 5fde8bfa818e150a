"""All that is stored encrypted, under the current SECRET_KEY."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from ops_console.access.actors import Actor
from ops_console.access.services import signing_keys, sso_providers
from ops_console.audit.services import record
from ops_console.letters import services as letters
from ops_console.outbox.services.queue import reencrypt_headers
from ops_console.outbox.services.signing_secrets import reencrypt_secrets

# Every table of the platform that holds something encrypted; the settings name those of the apps above it.
KINDS = {
    "webhook secrets": reencrypt_secrets,
    "webhooks' headers": reencrypt_headers,
    "signing keys": signing_keys.reencrypt_keys,
    "identity providers' secrets": sso_providers.reencrypt_client_secrets,
    "waiting e-mails": letters.reencrypt_letters,
}


def reencrypt_all(*, actor: Actor, now: datetime) -> dict[str, int]:
    """Encrypt everything anew, so that an old key can leave SECRET_KEY_FALLBACKS; return how many there are of each.

    Raises:
        Undecipherable: something was encrypted under a key we do not hold; nothing was changed.
    """
    further = {kind: import_string(path) for kind, path in settings.FURTHER_SECRETS.items()}
    with transaction.atomic():
        counts = {kind: reencrypt() for kind, reencrypt in {**KINDS, **further}.items()}
        record(
            actor=actor,
            action="secrets.reencrypt",
            target_type="secrets",
            target_id="all",
            organization_id=None,
            after=counts,
            at=now,
        )
    return counts
