"""Access tokens: JSON Web Tokens (RFC 7519) signed with RS256, good for minutes and for one session.

``sub`` is the person, who stays the same in every organization; ``custom:org_id`` the organization signed in to, absent
where there is none; ``sid`` the session, which is looked up on every request.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import jwt
from django.conf import settings

from ops_console.access.models import Session
from ops_console.access.services import signing_keys
from ops_console.errors import Unauthenticated

logger = logging.getLogger(__name__)

ORGANIZATION = "custom:org_id"
REQUIRED = ("iss", "sub", "email", "exp", "iat", "jti", "sid")
# Far beyond any token of ours.
MAX_LENGTH = 4096
# Good tokens a process remembers, so that the signature of each is checked once while the keys stay as they are.
REMEMBERED = 4096
# What is logged of a stranger's word for one.
ALGORITHM_LENGTH = 20
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.InvalidSignatureError, "wrong_signature"),
    (jwt.InvalidIssuerError, "wrong_issuer"),
    (jwt.InvalidAlgorithmError, "wrong_algorithm"),
    (jwt.MissingRequiredClaimError, "missing_claim"),
)


@dataclass(frozen=True)
class AccessToken:
    text: str
    expires_at: datetime
    lifetime: timedelta


@dataclass(frozen=True)
class Claims:
    """What a verified token says. ``expires`` in seconds since 1970."""

    session_id: UUID
    person_id: UUID
    organization_id: UUID | None
    expires: int


class UnknownKey(Exception):
    """The token names a key that is not among those given."""


def issue(*, session: Session, now: datetime) -> AccessToken:
    """Sign a token for a session, whose person and member are loaded. No query most of the time."""
    kid, key = signing_keys.current()
    lifetime = timedelta(minutes=settings.ACCESS_TOKEN_MINUTES)
    expires_at = now + lifetime
    claims: dict[str, Any] = {
        "iss": settings.PUBLIC_URL,
        "sub": str(session.person_id),
        "email": session.person.email,
        "exp": int(expires_at.timestamp()),
        "iat": int(now.timestamp()),
        "jti": uuid4().hex,
        "sid": str(session.id),
    }
    if session.member is not None:
        claims[ORGANIZATION] = str(session.member.organization_id)
    text = jwt.encode(claims, key, algorithm=signing_keys.ALGORITHM, headers={"kid": kid})
    return AccessToken(text, expires_at, lifetime)


def verify(text: str, *, now: datetime) -> Claims:
    """What the token says, if it is ours and in time; whether its session lives is for the caller to ask.

    Raises:
        Unauthenticated: in the same words whatever is wrong; the log tells what.
    """
    if len(text) > MAX_LENGTH:
        raise refused("malformed")
    try:
        found = signed_claims(text, signing_keys.known.get(), settings.PUBLIC_URL)
    except UnknownKey:
        found = claims_by_newer_keys(text)
    if found.expires <= now.timestamp():
        raise refused("expired", session=str(found.session_id))
    return found


def claims_by_newer_keys(text: str) -> Claims:
    try:
        return signed_claims(text, signing_keys.known.get_for_unknown(), settings.PUBLIC_URL)
    except UnknownKey:
        raise refused("unknown_key") from None


@lru_cache(maxsize=REMEMBERED)
def signed_claims(text: str, keys: signing_keys.Keys, issuer: str) -> Claims:
    """What a token of the issuer says that is signed by one of the keys, whenever it ends.

    Raises:
        Unauthenticated: it is not.
        UnknownKey: it names another key.
    """
    claims = verified(text, keys, issuer)
    try:
        organization = claims.get(ORGANIZATION)
        person_id, organization_id = UUID(claims["sub"]), UUID(organization) if organization else None
        return Claims(UUID(claims["sid"]), person_id, organization_id, int(claims["exp"]))
    except (AttributeError, TypeError, ValueError):
        raise refused("malformed") from None


def refused(reason: str, **details: str | None) -> Unauthenticated:
    """The one answer to every credential that does not count, with the reason in the log."""
    logger.info("token.refused", extra={"reason": reason, **details})
    return Unauthenticated()


def refuse_algorithm(header: dict[str, Any]) -> None:
    """Before any key is looked up: "none", and HMAC with our public key as its secret (RFC 8725, 2.1)."""
    algorithm = header.get("alg")
    if algorithm == signing_keys.ALGORITHM:
        return
    if not isinstance(algorithm, str):
        raise refused("malformed")
    # However it is written: "NonE" has fooled libraries.
    reason = "unsigned" if algorithm.lower() == "none" else "wrong_algorithm"
    raise refused(reason, algorithm=algorithm[:ALGORITHM_LENGTH])


def verified(text: str, keys: signing_keys.Keys, issuer: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(text)
    except jwt.InvalidTokenError:
        raise refused("malformed") from None
    refuse_algorithm(header)
    key = keys.public.get(str(header.get("kid", "")))
    if key is None:
        raise UnknownKey()
    try:
        # The time is the caller's to compare.
        options: Any = {"require": list(REQUIRED), "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        return jwt.decode(text, key, algorithms=[signing_keys.ALGORITHM], issuer=issuer, options=options)
    except jwt.InvalidTokenError as error:
        reason = next((name for kind, name in REASONS if isinstance(error, kind)), "malformed")
        raise refused(reason) from None
