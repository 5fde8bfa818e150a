"""Our own addresses that a provider is told. Its name is in each, so that none serves two providers.

A provider's name is known before it is set up, so these can be registered there first. What a provider answers at
another's address does not count (RFC 9700, 4.4), and an assertion for one organization has no other's audience.
"""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings


def callback_url(provider_name: str) -> str:
    """Where an OpenID provider sends people back to: the client's redirect URI."""
    return _url(provider_name, "callback")


def acs_url(provider_name: str) -> str:
    """Where a SAML provider posts its assertions (assertion consumer service)."""
    return _url(provider_name, "acs")


def entity_id(provider_name: str) -> str:
    """What a SAML provider calls us, and where our metadata is."""
    return _url(provider_name, "metadata")


def request_url(provider_name: str, state: str) -> str:
    """A page of ours that posts the request to a SAML provider which takes it by no other way."""
    return f"{_url(provider_name, 'request')}?{urlencode({'state': state})}"


def told(provider_name: str) -> dict[str, str]:
    """Those that a provider of this name is told, by their names in the protocols; empty for the other protocol's."""
    if provider_name.startswith("saml-"):
        return {"redirect_uri": "", "acs_url": acs_url(provider_name), "entity_id": entity_id(provider_name)}
    return {"redirect_uri": callback_url(provider_name), "acs_url": "", "entity_id": ""}


def _url(provider_name: str, what: str) -> str:
    return f"{settings.PUBLIC_URL}/auth/sso/{provider_name}/{what}"
