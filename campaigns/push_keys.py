"""What each provider knows an organization by: checked when it is given, kept as JSON."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from campaigns.models import PushProvider

APPLE_ID = re.compile(r"[A-Z0-9]{10}")
TOPIC = re.compile(r"[A-Za-z0-9.-]{1,155}")
PROJECT = re.compile(r"[a-z0-9:.-]{1,100}")
SUBJECT = re.compile(r"(mailto:[!-~]+@[!-~]+|https://[!-~]+)")


class Unfit(Exception):
    """A member of a secret is missing or not what it should be."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class FcmKey:
    """A service account of a Firebase project."""

    project_id: str
    client_email: str
    private_key_id: str
    private_key: str = field(repr=False)

    @classmethod
    def parse(cls, secret: Mapping[str, Any]) -> Self:
        """The members of a service account's file that count; where it says tokens are to be had is not asked."""
        key = load_key(secret, RSAPrivateKey, "an RSA key in PEM")
        return cls(
            project_id=text_of(secret, "project_id", PROJECT, "This is no project's id."),
            client_email=text_of(secret, "client_email", re.compile(r"[!-~]{1,200}"), "This is no e-mail address."),
            private_key_id=str(secret.get("private_key_id") or "")[:200],
            private_key=pem_of(key),
        )

    @property
    def label(self) -> str:
        return self.project_id


@dataclass(frozen=True)
class ApnsKey:
    """A signing key of an Apple developer team, and the app it is for."""

    team_id: str
    key_id: str
    topic: str
    private_key: str = field(repr=False)
    is_sandbox: bool = False

    @classmethod
    def parse(cls, secret: Mapping[str, Any]) -> Self:
        key = load_key(secret, EllipticCurvePrivateKey, "a P-256 key in PEM")
        ten = "This is ten capital letters and digits."
        return cls(
            team_id=text_of(secret, "team_id", APPLE_ID, ten),
            key_id=text_of(secret, "key_id", APPLE_ID, ten),
            topic=text_of(secret, "topic", TOPIC, "This is the app's bundle id."),
            private_key=pem_of(on_p256(key)),
            is_sandbox=bool(secret.get("sandbox", False)),
        )

    @property
    def label(self) -> str:
        return f"{self.key_id} {self.topic}{' (sandbox)' if self.is_sandbox else ''}"


@dataclass(frozen=True)
class WebPushKey:
    """A VAPID key pair (RFC 8292); browsers subscribe with the public key."""

    subject: str
    public_key: str
    private_key: str = field(repr=False)

    @classmethod
    def parse(cls, secret: Mapping[str, Any]) -> Self:
        key = on_p256(load_key(secret, EllipticCurvePrivateKey, "a P-256 key, in PEM or as 32 bytes in base64url"))
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return cls(
            subject=text_of(secret, "subject", SUBJECT, "This is a mailto: or https: address of somebody in charge."),
            public_key=base64url(point),
            private_key=pem_of(key),
        )

    @property
    def label(self) -> str:
        return self.public_key


Key = FcmKey | ApnsKey | WebPushKey
KINDS: dict[str, type[FcmKey] | type[ApnsKey] | type[WebPushKey]] = {
    PushProvider.FCM: FcmKey,
    PushProvider.APNS: ApnsKey,
    PushProvider.WEBPUSH: WebPushKey,
}


def kept(key: Key) -> dict[str, Any]:
    """What is stored of it, encrypted."""
    return asdict(key)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Raises: ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def text_of(secret: Mapping[str, Any], name: str, pattern: re.Pattern[str], message: str) -> str:
    text = secret.get(name)
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise Unfit(name, message)
    return text


def load_key(secret: Mapping[str, Any], kind: type[Any], what: str) -> Any:
    text = secret.get("private_key")
    try:
        key = _load(text) if isinstance(text, str) else None
    except (ValueError, TypeError) as error:
        raise Unfit("private_key", f"This is not {what}.") from error
    if not isinstance(key, kind):
        raise Unfit("private_key", f"This is not {what}.")
    return key


def on_p256(key: EllipticCurvePrivateKey) -> EllipticCurvePrivateKey:
    if not isinstance(key.curve, SECP256R1):
        raise Unfit("private_key", "This key is on another curve than P-256.")
    return key


def pem_of(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def _load(text: str) -> Any:
    if "-----BEGIN" in text:
        return load_pem_private_key(text.encode(), password=None)
    raw = from_base64url(text.strip())
    return derive_private_key(int.from_bytes(raw), SECP256R1()) if len(raw) == 32 else None
