"""The discovery document of an OpenID provider (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from ops_console.access.sso.unfit import Unfit

MEDIA_TYPE = "application/json"
SUFFIX = "/.well-known/openid-configuration"
TEXT_LENGTH = 2048
MOST_NAMES = 100
# By which the provider signs ID tokens; symmetric ones are out, for the secret would then be a signing key.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
# How we can show the client's secret; without a secret "none", which needs no announcement.
CLIENT_AUTHENTICATION = ("client_secret_basic", "client_secret_post", "none")
REQUIRED_URLS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OTHER_URLS = ("userinfo_endpoint", "end_session_endpoint")


@dataclass(frozen=True)
class OidcMetadata:
    """What signing in needs of the document; empty where it has no such address."""

    # As the document writes it: ID tokens must name it letter for letter.
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    # Of those it announces, the ones we take.
    algorithms: tuple[str, ...]
    client_authentication: tuple[str, ...]
    has_pkce: bool
    # Whether it promises to name its issuer where it sends people back (RFC 9207).
    names_issuer: bool = False

    @property
    def urls(self) -> Mapping[str, str]:
        found = {name: getattr(self, name) for name in (*REQUIRED_URLS, *OTHER_URLS)}
        return {"issuer": self.issuer} | {name: url for name, url in found.items() if url}

    def stored(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def parse(document: bytes, *, url: str) -> OidcMetadata:
    """Read a discovery document that came from ``url``.

    Raises:
        Unfit: what is wrong with it.
    """
    fields = _object(document)
    issuer = _text(fields, "issuer")
    _check_issuer(issuer, url)
    if "code" not in _names(fields, "response_types_supported"):
        raise Unfit("The provider does not offer the authorization code flow (response_types_supported).")
    algorithms = _offered(fields, "id_token_signing_alg_values_supported", ALGORITHMS)
    if not algorithms:
        raise Unfit(f"The provider signs ID tokens by none of {', '.join(ALGORITHMS)}.")
    return OidcMetadata(
        issuer=issuer,
        **{name: _text(fields, name) for name in REQUIRED_URLS},
        **{name: _text(fields, name, required=False) for name in OTHER_URLS},
        algorithms=algorithms,
        # What is meant by leaving it out is in section 3 of the specification.
        client_authentication=_offered(
            fields, "token_endpoint_auth_methods_supported", CLIENT_AUTHENTICATION, unsaid=("client_secret_basic",)
        ),
        has_pkce="S256" in _names(fields, "code_challenge_methods_supported", required=False),
        names_issuer=fields.get("authorization_response_iss_parameter_supported") is True,
    )


def _check_issuer(issuer: str, url: str) -> None:
    """Section 4.3: the issuer is the prefix by which the document was found; section 4.1: but for a closing slash."""
    if not url.endswith(SUFFIX):
        raise Unfit(f"The address of a discovery document ends in {SUFFIX}.")
    parts = urlsplit(issuer)
    if parts.query or parts.fragment:
        raise Unfit("The provider's issuer holds a query or a fragment.")
    if issuer.removesuffix("/") != url.removesuffix(SUFFIX):
        raise Unfit(f"The document's issuer is not its address without {SUFFIX}.")


def _object(document: bytes) -> dict[str, Any]:
    try:
        found = json.loads(document)
    # RecursionError: nested deeper than Python reads.
    except (ValueError, RecursionError) as error:
        raise Unfit("The discovery document is not JSON.") from error
    if not isinstance(found, dict):
        raise Unfit("The discovery document is not a JSON object.")
    return found


def _text(fields: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    value = fields.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value or len(value) > TEXT_LENGTH or not value.isprintable():
        raise Unfit(f"The discovery document lacks a proper {name}.")
    return value


def _names(fields: Mapping[str, Any], name: str, *, required: bool = True) -> Mapping[str, None]:
    value = fields.get(name)
    if value is None and not required:
        return {}
    if not isinstance(value, list) or len(value) > MOST_NAMES or not all(isinstance(item, str) for item in value):
        raise Unfit(f"The discovery document lacks a proper {name}.")
    return dict.fromkeys(value)


def _offered(
    fields: Mapping[str, Any], name: str, taken: tuple[str, ...], unsaid: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Those we take among those announced, in our order."""
    announced = _names(fields, name, required=not unsaid) or unsaid
    return tuple(each for each in taken if each in announced)
