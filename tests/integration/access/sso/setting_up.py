"""Providers at the fixture ``idp``, asked for by its callers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from ops_console.access.actors import Actor
from ops_console.access.models import SsoProvider
from ops_console.access.services import sso_providers
from ops_console.access.services.sso_providers import NewProvider
from ops_console.errors import InvalidInput
from tests.factories import NOW
from tests.fakes.identity_provider import IdentityProvider

SECRET = "only-the-provider-and-we-know"


def saml(idp: IdentityProvider, domain: str = "acme.example", **changes: Any) -> NewProvider:
    return NewProvider(**{"domain": domain, "type": "saml", "metadata_url": idp.serve_saml(), **changes})


def oidc(idp: IdentityProvider, domain: str = "acme.example", **changes: Any) -> NewProvider:
    given = {"metadata_url": idp.serve_discovery(), "client_id": "pigeon", "client_secret": SECRET}
    return NewProvider(**{"domain": domain, "type": "oidc", **given, **changes})


def create(wanted: NewProvider, actor: Actor, **how: Any) -> SsoProvider:
    return sso_providers.create_provider(wanted=wanted, actor=actor, now=NOW, **how)


def faults(wanted: NewProvider, actor: Actor, **how: Any) -> dict[tuple[str | int, ...], str]:
    """What is wrong with it, by its place; nothing was set up."""
    # One that was set up after all is in no other case's way.
    with transaction.atomic():
        with pytest.raises(InvalidInput) as refusal:
            create(wanted, actor, **how)
        assert not SsoProvider.objects.exists()
    return {fault.path: fault.message for fault in refusal.value.errors}
