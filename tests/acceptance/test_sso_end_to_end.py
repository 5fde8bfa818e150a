"""An identity provider from its setting up to its removal: a running server, a worker, TLS and DNS on loopback."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.utils import timezone

from ops_console.access.models import SsoProvider
from ops_console.access.tasks import ask_for_proofs
from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.name_server import NameServer
from tests.fakes.webhook_receiver import Answer
from tests.pidgr import Tenant
from tests.web import web_server


@pytest.mark.usefixtures("committed_db")
def test_a_domain_signs_in_through_its_provider_once_it_is_proved(
    idp: IdentityProvider, name_server: NameServer, idp_certificate: tuple[ssl.SSLContext, Path]
) -> None:
    trusting: Any = {"SSO_ALLOW_LOOPBACK": "1", "SSO_CA_FILE": str(idp_certificate[1])}
    with (
        web_server(SSO_DNS_RESOLVER=name_server.address, **trusting) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {Tenant.new().key()}"}) as admin,
        httpx.Client(base_url=url) as anybody,
    ):

        def call(client: httpx.Client, method: str, **request: Any) -> httpx.Response:
            return client.post(f"/pidgr.v1.SSOService/{method}", json=request)

        def provider_of(email: str) -> Any:
            return call(anybody, "CheckSSOByDomain", email=email).json()

        wanted = {"domain": "Acme.example", "type": "SSO_PROVIDER_TYPE_OIDC", "clientId": "pigeon"}
        # The provider's document is not there yet, then leads elsewhere.
        url_of_document = idp.url("/.well-known/openid-configuration")
        for document in (Answer(404), Answer(302, headers={"Location": "https://169.254.169.254/"})):
            idp.documents["/.well-known/openid-configuration"] = document
            refused = call(admin, "CreateSSOProvider", **wanted, metadataUrl=url_of_document)
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_argument")
        idp.serve_discovery()
        made = call(admin, "CreateSSOProvider", **wanted, metadataUrl=url_of_document).json()["provider"]
        assert made["idpProviderName"] == "oidc-acme.example"
        assert call(admin, "GetSSOProvider").json()["provider"] == made

        shown = admin.get(f"/api/v1/sso-providers/{made['id']}").json()
        assert admin.post(f"/api/v1/sso-providers/{made['id']}/prove").json()["answer"] == "missing"
        assert provider_of("ann@acme.example") == {}

        name_server.texts[shown["dnsRecord"]["name"]] = ["v=spf1 -all", shown["dnsRecord"]["value"]]
        # A minute later the worker asks by itself.
        SsoProvider.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        ask_for_proofs()
        assert provider_of("Ann@ACME.example") == {"ssoEnabled": True, "providerName": "oidc-acme.example"}

        assert call(admin, "DeleteSSOProvider", providerId=made["id"]).json() == {}
        assert provider_of("ann@acme.example") == {}
        assert call(admin, "GetSSOProvider").status_code == 404
