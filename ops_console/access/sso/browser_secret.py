"""What binds a sign-in at a provider to the browser that began it.

One random secret is in a cookie of the browser and nowhere else: the database has its digest. Nonce, PKCE verifier and
SAML request id are made out of it, each under a name of its own, so that none of them is stored and none tells another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

NONCE, VERIFIER, REQUEST = "nonce", "code_verifier", "saml_request"


def new() -> str:
    """43 characters, 256 bits: also of the state."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> bytes:
    # A plain hash will do: nobody guesses 256 random bits.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def matches(text: str, kept: bytes) -> bool:
    return hmac.compare_digest(digest(text), kept)


def nonce(secret: str) -> str:
    return _made_of(secret, NONCE)


def code_verifier(secret: str) -> str:
    """43 characters of those RFC 7636 takes."""
    return _made_of(secret, VERIFIER)


def request_id(secret: str) -> str:
    """An xs:ID, which begins with no digit."""
    return f"_{_made_of(secret, REQUEST)}"


def _made_of(secret: str, purpose: str) -> str:
    made = hmac.digest(secret.encode("utf-8", "surrogatepass"), purpose.encode(), "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
