"""What goes over the wire: the body of a webhook and its signatures, as Standard Webhooks has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from ops_console.formats import to_text

PREFIX = "whsec_"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def body(*, event: str, at: datetime, payload: str) -> bytes:
    """The same bytes at every try, so that a receiver may compare them; ``payload`` is JSON text."""
    return f'{{"type":{to_text(event)},"timestamp":{to_text(at)},"data":{payload}}}'.encode()


def headers(*, webhook_id: str, at: datetime, content: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Sign with every live secret; ``at`` is this try's time, by which a receiver refuses an old one."""
    timestamp = str(int(at.timestamp()))
    signed = f"{webhook_id}.{timestamp}.".encode() + content
    return {
        "Content-Type": "application/json",
        "User-Agent": "pigeon-ops-console",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
