"""Signing in through an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, section 3.1).

The requests are authlib's, carried by our own reader, so that every address passes the guard. What the provider answers
is checked as section 3.1.3.7 has it, and then as this house does: the address verified, and of the provider's domain.
"""

from __future__ import annotations

import json
import logging
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth, encode_client_secret_basic
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from ops_console import secrets_at_rest
from ops_console.access.models import SsoProvider
from ops_console.access.sso import browser_secret, endpoints, turns
from ops_console.access.sso.addresses import address_of_domain
from ops_console.access.sso.attributes import Identity, texts
from ops_console.access.sso.oidc_discovery import ALGORITHMS
from ops_console.access.sso.refusals import NotLetIn, Told
from ops_console.access.sso.turns import Hurried
from ops_console.outbound.documents import Reader, Unreadable

logger = logging.getLogger(__name__)

SCOPE = "openid email profile"
# Seconds for token, keys and userinfo together.
TIMEOUT_S = 6.0
# Of each answer.
MAX_BYTES = 256 * 1024
# Seconds by which the provider's clock and ours may differ.
LEEWAY_S = 60
MOST_KEYS = 100
LEAST_RSA_BITS = 2048
# Of a JSON Web Key that we read.
PUBLIC_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
TOKEN_LENGTH = 64 * 1024
Claims = Mapping[str, Any]


def sign_in_url(provider: SsoProvider, *, state: str, secret: str, email: str) -> str:
    """Where the browser begins; ``email`` is a hint, and may be empty."""
    url, _ = _client(provider, None).create_authorization_url(
        provider.metadata["authorization_endpoint"],
        state=state,
        code_verifier=browser_secret.code_verifier(secret),
        nonce=browser_secret.nonce(secret),
        **({"login_hint": email} if email else {}),
    )
    return str(url)


def identify(
    provider: SsoProvider, answer: Mapping[str, str], *, secret: str, reader: Reader, now: datetime
) -> Identity:
    """Whom the provider vouches for, by what the browser brought back. Three calls, of ``TIMEOUT_S`` together and a
    second's wait at most; not within a transaction.

    Raises:
        NotLetIn: the answer does not count.
    """
    _check_answer(provider, answer)
    with turns.turn(provider.pk):
        hurried = Hurried.within(TIMEOUT_S, reader)
        tokens = _tokens(provider, answer["code"], secret, hurried)
        claims = _checked_id_token(provider, tokens, secret, hurried, now)
        return _identity(provider, claims, lambda: _userinfo(provider, tokens, claims, hurried))


# --- What came back with the browser -------------------------------------------------------------------------------


def _check_answer(provider: SsoProvider, answer: Mapping[str, str]) -> None:
    """RFC 6749, 4.1.2; RFC 9207: an answer that names its issuer names this one, and does so where it is promised."""
    issuer = answer.get("iss")
    if issuer != provider.metadata["issuer"] and (issuer is not None or provider.metadata.get("names_issuer")):
        raise NotLetIn("other_issuer")
    if "error" in answer:
        raise NotLetIn("provider_refused", Told.DENIED)
    if not answer.get("code"):
        raise NotLetIn("no_code")


# --- Calls to the provider -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """An answer as authlib reads it."""

    status_code: int
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise NotLetIn("token_endpoint_failed", Told.UNREACHABLE)


@dataclass(frozen=True)
class Session:
    """What authlib makes its requests with."""

    reader: Hurried

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> Reply:
        url, sent, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        reply = self.reader.send("POST", url, headers=sent, body=body.encode(), max_bytes=MAX_BYTES)
        return Reply(reply.status, reply.body)


def _client(provider: SsoProvider, session: Session | None) -> OAuth2Client:
    secret = secrets_at_rest.decrypt(provider.client_secret) if provider.client_secret else None
    client = OAuth2Client(
        session,
        client_id=provider.client_id,
        client_secret=secret,
        token_endpoint_auth_method=_client_authentication(provider),
        scope=SCOPE,
        redirect_uri=endpoints.callback_url(provider.idp_provider_name),
        code_challenge_method="S256",
    )
    client.register_client_auth_method(("client_secret_basic", _basic))
    return client


def _client_authentication(provider: SsoProvider) -> str:
    offered = provider.metadata["client_authentication"]
    if not provider.client_secret:
        return "none"
    return "client_secret_post" if offered and "client_secret_basic" not in offered else "client_secret_basic"


def _basic(auth: Any, method: str, url: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
    """RFC 6749, 2.3.1: both parts form-encoded first, which authlib leaves out."""
    encoded = ClientAuth(quote_plus(auth.client_id), quote_plus(auth.client_secret))
    found: tuple[str, dict[str, str], str] = encode_client_secret_basic(encoded, method, url, headers, body)
    return found


def _tokens(provider: SsoProvider, code: str, secret: str, reader: Hurried) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = _client(provider, Session(reader)).fetch_token(
            provider.metadata["token_endpoint"],
            grant_type="authorization_code",
            code=code,
            code_verifier=browser_secret.code_verifier(secret),
        )
    except Unreadable as error:
        raise NotLetIn("token_endpoint_unreadable", Told.UNREACHABLE) from error
    except (AuthlibBaseError, ValueError, RecursionError) as error:
        raise NotLetIn("code_refused") from error
    return found


def _keys(provider: SsoProvider, reader: Hurried) -> KeySet:
    """Those of the provider's keys that may sign, read anew: providers change them without notice."""
    listed = _read_json(reader, provider.metadata["jwks_uri"], {}).get("keys")
    if not isinstance(listed, list):
        raise NotLetIn("no_keys")
    keys = [key for member in listed[:MOST_KEYS] if (key := _key(member)) is not None]
    return KeySet(keys)


def _key(member: Any) -> Key | None:
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    public = {name: member[name] for name in PUBLIC_MEMBERS if name in member}
    try:
        if public.get("kty") == "EC":
            return ECKey.import_key(public)
        if public.get("kty") == "RSA" and len(urlsafe_b64decode(f"{public['n']}==")) * 8 >= LEAST_RSA_BITS:
            return RSAKey.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        logger.info("sso.key_passed_over")
    return None


def _userinfo(provider: SsoProvider, tokens: Mapping[str, Any], claims: Claims, reader: Hurried) -> Claims:
    """What the provider says beside the ID token, of the same person (section 5.3.2); nothing where it has no place."""
    url, token = provider.metadata.get("userinfo_endpoint"), tokens.get("access_token")
    if not url or not isinstance(token, str) or not token.isascii() or not token.isprintable():
        return {}
    found = _read_json(reader, url, {"Authorization": f"Bearer {token}"})
    if found.get("sub") != claims["sub"]:
        raise NotLetIn("userinfo_of_another")
    return found


def _read_json(reader: Hurried, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    try:
        reply = reader.send("GET", url, headers={"Accept": "application/json", **headers}, max_bytes=MAX_BYTES)
        found = json.loads(reply.body) if reply.status == 200 else None
    except Unreadable as error:
        raise NotLetIn("provider_unreadable", Told.UNREACHABLE) from error
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotLetIn("provider_unreadable", Told.UNREACHABLE)
    return found


# --- The ID token --------------------------------------------------------------------------------------------------


def _checked_id_token(
    provider: SsoProvider, tokens: Mapping[str, Any], secret: str, reader: Hurried, now: datetime
) -> Claims:
    text = tokens.get("id_token")
    if not isinstance(text, str) or len(text) > TOKEN_LENGTH:
        raise NotLetIn("no_id_token")
    # Those it announced, all of them asymmetric: "none" and HMAC are never among them.
    algorithms = [each for each in provider.metadata["algorithms"] if each in ALGORITHMS]
    try:
        token = jwt.decode(text, _keys(provider, reader), algorithms=algorithms)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise NotLetIn("id_token_signature") from error
    claims = CodeIDToken(
        token.claims,
        token.header,
        {
            "iss": {"essential": True, "value": provider.metadata["issuer"]},
            "aud": {"essential": True, "value": provider.client_id},
            "sub": {"essential": True},
        },
        {
            "nonce": browser_secret.nonce(secret),
            "client_id": provider.client_id,
            "access_token": tokens.get("access_token"),
        },
    )
    try:
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, AttributeError) as error:
        raise NotLetIn(f"id_token_{getattr(error, 'claim', None) or type(error).__name__}"[:60]) from error
    return dict(claims)


def _identity(provider: SsoProvider, claims: Claims, userinfo: Any) -> Identity:
    mapping = provider.attribute_mapping
    name_of_email = mapping.get("email", "email")
    more = userinfo()
    # Address and verification from one document: the one must not vouch for the address of the other.
    source = claims if name_of_email in claims and "email_verified" in claims else more
    verified = source.get("email_verified")
    if verified is not True and verified != "true":
        raise NotLetIn("email_unverified", Told.UNVERIFIED)
    email = address_of_domain(source.get(name_of_email), provider.domain)
    # What is verified is ``email`` (section 5.1), and no other claim that may hold an address.
    if name_of_email != "email" and address_of_domain(source.get("email"), provider.domain) != email:
        raise NotLetIn("other_claim_unverified", Told.UNVERIFIED)
    said = texts({**more, **claims})
    return Identity(
        email=email,
        given_name=said.get(mapping.get("given_name", "given_name"), ""),
        family_name=said.get(mapping.get("family_name", "family_name"), ""),
        claims=said,
    )
