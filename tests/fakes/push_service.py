"""A browser vendor's push service on loopback, and browsers subscribed to it: it opens what is sent as they would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from campaigns.push_keys import base64url, from_base64url
from tests.fakes.webhook_receiver import Answer, Received, WebhookReceiver, receiving


class Subscriber:
    """A browser's subscription, and what opens the messages sent to it."""

    def __init__(self, endpoint: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"0123456789abcdef"
        keys = {"p256dh": base64url(point_of(self.key.public_key())), "auth": base64url(self.auth)}
        self.subscription = {"endpoint": endpoint, "expirationTime": None, "keys": keys}
        self.token = json.dumps(self.subscription)

    def open(self, body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"))


class PushService:
    def __init__(self, receiver: WebhookReceiver) -> None:
        self._receiver = receiver
        self._n_opened = 0

    def subscriber(self) -> Subscriber:
        return Subscriber(self._receiver.url("/push/abc"))

    def opened(self, subscriber: Subscriber, application_key: str) -> list[Any]:
        """What came since the last time, each signed with the key the browser subscribed with (RFC 8292)."""
        new = self._receiver.received[self._n_opened :]
        self._n_opened += len(new)
        for request in new:
            claims = claims_of(request, application_key)
            assert claims["aud"] == self._receiver.url("")
        return [subscriber.open(request.body) for request in new]


def claims_of(request: Received, application_key: str) -> Any:
    scheme, token, key = request.headers["Authorization"].replace(",", "").split()
    assert (scheme, key) == ("vapid", f"k={application_key}")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(application_key))
    # The audience is for the caller to look at; the time is the machine's.
    return jwt.decode(
        token.removeprefix("t="),
        point,
        algorithms=["ES256"],
        options={"verify_aud": False, "require": ["aud", "exp", "sub"]},
    )


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@contextmanager
def push_service() -> Iterator[PushService]:
    with receiving(otherwise=Answer(201)) as receiver:
        yield PushService(receiver)
