"""Every write and every rule of the outbox."""

from __future__ import annotations

from ops_console.outbox.services.delivery import deliver_due
from ops_console.outbox.services.queue import (
    NewWebhook,
    end_series,
    enqueue,
    enqueue_series,
    purge,
    reencrypt_headers,
    replay,
)
from ops_console.outbox.services.signing_secrets import (
    SecretState,
    create_secret,
    reencrypt_secrets,
    rotate_secret,
    secret_state,
)

__all__ = [
    "NewWebhook",
    "SecretState",
    "create_secret",
    "deliver_due",
    "end_series",
    "enqueue",
    "enqueue_series",
    "purge",
    "reencrypt_headers",
    "reencrypt_secrets",
    "replay",
    "rotate_secret",
    "secret_state",
]
