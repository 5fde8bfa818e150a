"""An authenticator in software: answers challenges as a browser passes answers on, truthfully or not.

W3C Web Authentication, level 3: 5.8.1 (client data), 6.1 (authenticator data), 6.5.4 (attestation, format none).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """One credential; ``origin``, ``verifies`` and ``count`` are what it tells, true or not."""

    origin: str = "http://localhost:8000"
    relying_party: str = "localhost"
    verifies: bool = True
    count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user: bytes | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """What ``navigator.credentials.create`` gives."""
        self.user = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self.public_key()
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + credential}
        return self._answer(
            {
                "clientDataJSON": self._client_data("webauthn.create", options),
                "attestationObject": text(cbor2.dumps(attestation)),
                "transports": ["internal"],
            }
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """What ``navigator.credentials.get`` gives."""
        self.count += 1
        data, client_data = self._data(), self._client_data("webauthn.get", options)
        raw = base64.urlsafe_b64decode(client_data + "==")
        signature = self.key.sign(data + hashlib.sha256(raw).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": client_data,
                "authenticatorData": text(data),
                "signature": text(signature),
                "userHandle": text(self.user or b""),
            }
        )

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": text(self.id),
            "rawId": text(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

    def _client_data(self, kind: str, options: dict[str, Any]) -> str:
        data = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return text(json.dumps(data).encode())

    def _data(self, flags: int = 0) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.relying_party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def public_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        # COSE: EC2, ES256, P-256.
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
