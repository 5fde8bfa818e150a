"""Acme Feathers, and identity providers of its domain that are set up and proved: true ones, and one that lies."""

from __future__ import annotations

import pytest

from ops_console.access.models import SsoProvider
from ops_console.access.services.sso_providers import NewProvider
from ops_console.organizations.models import Organization
from tests import factories, sso
from tests.fakes import lying_provider as liar
from tests.fakes.identity_provider import IdentityProvider
from tests.openid import OpenIdProvider
from tests.saml import SamlProvider

DOMAIN = "acme.example"
ANN = {"email": "Ann@acme.example", "email_verified": True, "given_name": "Ann", "family_name": "Arbor"}


@pytest.fixture
def acme(db: None) -> Organization:
    return factories.organization("Acme Feathers")


@pytest.fixture
def at_saml(saml: SamlProvider, acme: Organization) -> SsoProvider:
    """Acme's provider is ``saml``."""
    return sso.set_up(acme, saml.wanted(DOMAIN))


@pytest.fixture
def at_openid(openid: OpenIdProvider, acme: Organization) -> SsoProvider:
    """Acme's provider is ``openid``, which knows Ann."""
    openid.know(ann=ANN)
    return sso.set_up(acme, openid.register(DOMAIN))


@pytest.fixture
def at_liar(idp: IdentityProvider, acme: Organization) -> SsoProvider:
    """Acme's provider is ``idp``, which says what the test wants."""
    wanted = NewProvider(
        domain=DOMAIN, type="oidc", metadata_url=liar.serve(idp), client_id="pigeon", client_secret="s"
    )
    return sso.set_up(acme, wanted)
