"""A real OpenID provider of another's making, run by the tests, and people who sign in there without a browser."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from django.conf import settings

from ops_console.access.services.sso_providers import AttributeMapping, NewProvider
from ops_console.access.sso.endpoints import callback_url
from ops_console.var_dir import PROJECT
from tests.fakes.identity_provider import DISCOVERY
from tests.programs import cannot_run, program
from tests.web import free_port

SCRIPT = Path(__file__).parent / "fakes" / "oidc_provider.mjs"


@dataclass(frozen=True)
class OpenIdProvider:
    """``issuer`` is its address; ``ca_file`` holds the authority that signed its certificate."""

    issuer: str
    ca_file: Path
    context: ssl.SSLContext = field(repr=False)

    def know(self, **people: dict[str, Any]) -> None:
        """Tell it of people, by the name they sign in with; each with claims."""
        httpx.post(f"{self.issuer}/people", json=people, verify=self.context).raise_for_status()

    def register(self, domain: str, **mapping: str) -> NewProvider:
        """Make us a client, for the domain; what is to be set up here then."""
        wanted = {
            "redirect_uris": [callback_url(f"oidc-{domain}")],
            "token_endpoint_auth_method": "client_secret_basic",
        }
        made = httpx.post(f"{self.issuer}/reg", json=wanted, verify=self.context).raise_for_status().json()
        return NewProvider(
            domain=domain,
            type="oidc",
            metadata_url=self.issuer + DISCOVERY,
            client_id=made["client_id"],
            client_secret=made["client_secret"],
            attribute_mapping=AttributeMapping(**mapping),
        )

    def sign_in(self, url: str, user: str) -> str:
        """Sign in as the user at the address we sent the browser to; where the provider sends it back to."""
        with httpx.Client(verify=self.context) as browser:
            response = browser.get(url)
            while not response.headers.get("Location", "").startswith(settings.PUBLIC_URL):
                where = urljoin(str(response.url), response.headers.get("Location", ""))
                is_form = response.status_code == 200
                response = browser.post(response.url, data={"user": user}) if is_form else browser.get(where)
                assert response.status_code < 400, response.text
            return str(response.headers["Location"])


@pytest.fixture(scope="session")
def openid_process(idp_certificate: tuple[ssl.SSLContext, Path]) -> Iterator[OpenIdProvider]:
    node = program("node", "nodejs")
    if not (PROJECT / "node_modules" / "oidc-provider").is_dir():
        cannot_run("program is missing: npm")
    ca_file, port = idp_certificate[1], free_port()
    command = [node, str(SCRIPT), str(ca_file.with_name("server.pem")), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield OpenIdProvider(f"https://127.0.0.1:{port}", ca_file, ssl.create_default_context(cafile=ca_file))
        process.terminate()
        process.wait(10)


@pytest.fixture
def openid(openid_process: OpenIdProvider, settings: Any) -> OpenIdProvider:
    """A provider that the product is set to trust."""
    settings.SSO_ALLOW_LOOPBACK = True
    settings.SSO_CA_FILE = str(openid_process.ca_file)
    return openid_process
