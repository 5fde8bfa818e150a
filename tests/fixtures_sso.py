"""An identity provider and a name server on loopback, which the product is set to trust."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from ops_console.access.models import SsoProvider
from ops_console.access.sso.dns_proof import record_name
from tests.fakes.certificates import CA_FILE, server_and_client_contexts
from tests.fakes.identity_provider import IdentityProvider, providing
from tests.fakes.name_server import NameServer, answering

IDP_NAME = "idp.customer.example"
# The servers of the test that runs, for those who make its requests.
IN_USE: dict[str, Any] = {}


@pytest.fixture(scope="session")
def idp_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """TLS for the provider, and the file with the authority to trust."""
    folder = tmp_path_factory.mktemp("idp")
    server, _ = server_and_client_contexts(folder, IDP_NAME)
    return server, folder / CA_FILE


@pytest.fixture
def idp(
    idp_certificate: tuple[ssl.SSLContext, Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[IdentityProvider]:
    """A provider that has no documents yet."""
    server, ca_file = idp_certificate
    settings.SSO_ALLOW_LOOPBACK = True
    settings.SSO_CA_FILE = str(ca_file)
    with providing(server) as provider, monkeypatch.context() as patch:
        patch.setitem(IN_USE, "idp", provider)
        yield provider


@pytest.fixture
def name_server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """A name server that knows no name yet."""
    with answering() as server, monkeypatch.context() as patch:
        settings.SSO_DNS_RESOLVER = server.address
        patch.setitem(IN_USE, "name_server", server)
        yield server


def saml_url() -> str:
    """The address of metadata that the fixture ``idp`` serves."""
    provider: IdentityProvider = IN_USE["idp"]
    return provider.serve_saml()


def publish(made: SsoProvider) -> None:
    """Let the fixture ``name_server`` know the proof of a provider's domain."""
    server: NameServer = IN_USE["name_server"]
    server.texts[record_name(made.domain)] = [made.proof]
