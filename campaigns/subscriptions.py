"""A web device's token: the JSON of the browser's PushSubscription."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from campaigns.push_keys import from_base64url
from ops_console.outbound.addresses import Reach, Refused, addresses_of, as_address, parse, resolve_name

AUTH_BYTES = 16


class NoSubscription(Exception):
    """A token that no browser made."""


@dataclass(frozen=True)
class Subscription:
    """What a browser's ``PushSubscription.toJSON()`` holds."""

    endpoint: str
    # A point on P-256, and a secret shared with the browser.
    p256dh: bytes
    auth: bytes

    @classmethod
    def parse(cls, token: str) -> Subscription:
        """Raises: NoSubscription, which says what is missing."""
        try:
            found = json.loads(token)
        except (ValueError, RecursionError) as error:
            raise NoSubscription("This is no JSON of a browser's PushSubscription.") from error
        endpoint, keys = _member(found, "endpoint"), _member(found, "keys")
        if not isinstance(endpoint, str):
            raise NoSubscription("A browser's PushSubscription has an endpoint.")
        made = cls(endpoint, _bytes(keys, "p256dh"), _bytes(keys, "auth"))
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), made.p256dh)
        except ValueError as error:
            raise NoSubscription("A browser's PushSubscription has a point on P-256 as keys.p256dh.") from error
        if len(made.auth) != AUTH_BYTES:
            raise NoSubscription(f"A browser's PushSubscription has {AUTH_BYTES} bytes as keys.auth.")
        return made


def subscription_fault(token: str) -> str | None:
    """Why nothing can be pushed by such a token; names are not looked up."""
    try:
        target = parse(Subscription.parse(token).endpoint, reach())
        if as_address(target.host) is not None:
            addresses_of(target, resolve_name, 0)
    except (NoSubscription, Refused) as refusal:
        return str(refusal)
    return None


def reach() -> Reach:
    """Public addresses, and loopback where the setting opens it."""
    return Reach(loopback=settings.PUSH_ALLOW_LOOPBACK, plain_http=settings.PUSH_ALLOW_LOOPBACK)


def _member(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else None


def _bytes(keys: Any, name: str) -> bytes:
    try:
        return from_base64url(_member(keys, name))
    except (ValueError, TypeError) as error:
        raise NoSubscription(f"A browser's PushSubscription has base64url as keys.{name}.") from error
