"""What a provider says of itself: read from its address, checked, and brought into the form that is stored."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings

from ops_console.access.models import SsoProvider, SsoProviderType
from ops_console.access.sso import oidc_discovery, saml_metadata
from ops_console.access.sso.unfit import Unfit
from ops_console.errors import InvalidInput
from ops_console.outbound.addresses import Reach, check_url
from ops_console.outbound.documents import Reader, Unreadable

MAX_BYTES = 512 * 1024


class Described(Protocol):
    """A provider's metadata, of either kind."""

    @property
    def urls(self) -> Mapping[str, str]:
        """The addresses that are called or visited later, by what they are for."""

    def stored(self) -> dict[str, Any]:
        """As it is kept, in JSON."""


@dataclass(frozen=True)
class Summary:
    """What people are shown of stored metadata."""

    # The issuer, or the SAML entity id.
    identity: str
    sign_in_url: str
    # SAML: each with ``fingerprint``, ``not_before`` and ``not_after``.
    certificates: Sequence[Mapping[str, str]] = ()
    # SAML: until when the document said it was good, if it did.
    valid_until: str | None = None


def summary(provider: SsoProvider) -> Summary:
    stored = provider.metadata
    if provider.type == SsoProviderType.OIDC:
        return Summary(stored["issuer"], stored["authorization_endpoint"])
    sign_in_url = stored["redirect_url"] or stored["post_url"]
    return Summary(stored["entity_id"], sign_in_url, stored["certificates"], stored["valid_until"])


def usual_reader() -> Reader:
    """Public addresses by HTTPS, and what the settings open beside them."""
    context = _context_with(settings.SSO_CA_FILE) if settings.SSO_CA_FILE else None
    return Reader(reach=Reach(loopback=settings.SSO_ALLOW_LOOPBACK), ssl_context=context)


@lru_cache(maxsize=4)
def _context_with(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    return context


def read(provider_type: str, url: str, *, reader: Reader, now: datetime) -> dict[str, Any]:
    """The metadata at that address, as it is stored. About ten seconds at most; call it outside transactions.

    Raises:
        Unfit: what is wrong with the address, the document, or an address in it.
    """
    is_saml = provider_type == SsoProviderType.SAML
    try:
        document = reader.get(
            url, accept=saml_metadata.MEDIA_TYPE if is_saml else oidc_discovery.MEDIA_TYPE, max_bytes=MAX_BYTES
        )
    except Unreadable as error:
        raise Unfit(f"The metadata cannot be read. {error}") from error
    described: Described = (
        saml_metadata.parse(document, now=now) if is_saml else oidc_discovery.parse(document, url=url)
    )
    for purpose, found in described.urls.items():
        _check(found, purpose, reader)
    return described.stored()


def _check(url: str, purpose: str, reader: Reader) -> None:
    """Hold an address of the metadata against the guard, so that none is stored that may not be called."""
    try:
        check_url(url, reach=reader.reach, resolve=reader.resolve)
    except InvalidInput as refusal:
        raise Unfit(f"{purpose} of the metadata: {refusal.errors[0].message}") from refusal
