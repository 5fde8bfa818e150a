"""SSOService through the whole RPC pipeline."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from typing import Any

import pytest

from ops_console.access.models import SsoProvider
from ops_console.gen.pidgr.v1 import sso_pb as pb
from ops_console.organizations.rights import Right
from ops_console.rpc.statuses import Refused
from tests import callers, factories, pidgr, sso
from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.webhook_receiver import Answer
from tests.pidgr import Tenant, call, code, faults

CHECK, CREATE, GET, DELETE = (
    f"SSOService.{name}" for name in ("CheckSSOByDomain", "CreateSSOProvider", "GetSSOProvider", "DeleteSSOProvider")
)
OIDC, SAML = pb.SSOProviderType.OIDC, pb.SSOProviderType.SAML
SECRET = "only-the-provider-and-we-know"
NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.new()


def oidc(idp: IdentityProvider, **changes: Any) -> pb.CreateSSOProviderRequest:
    given = {
        "domain": "Acme.example",
        "type": OIDC,
        "metadata_url": idp.serve_discovery(),
        "client_id": "pigeon",
        "client_secret": SECRET,
    }
    return pb.CreateSSOProviderRequest(**{**given, **changes})


def test_an_oidc_provider_is_created_and_read_back_without_its_secret(idp: IdentityProvider, tenant: Tenant) -> None:
    mapping = pb.SSOAttributeMapping(email="mail")
    made = call(CREATE, oidc(idp, attribute_mapping=mapping), tenant.key()).provider
    kept = SsoProvider.objects.get(organization=tenant.organization)
    assert made == pb.SSOProvider(
        id=str(kept.pk),
        domain="acme.example",
        type=OIDC,
        metadata_url=idp.url("/.well-known/openid-configuration"),
        idp_provider_name="oidc-acme.example",
        created_at=made.created_at,
        updated_at=made.created_at,
        attribute_mapping=mapping,
    )
    assert made.created_at.to_datetime() == kept.created_at.astimezone(UTC)
    assert call(GET, pb.GetSSOProviderRequest(), tenant.person(Right.ORG_READ)).provider == made


def test_a_saml_provider_is_created_by_the_fields_of_the_contract(idp: IdentityProvider, tenant: Tenant) -> None:
    request = pb.CreateSSOProviderRequest(domain="acme.example", type=SAML, metadata_url=idp.serve_saml())
    made = call(CREATE, request, tenant.person(Right.ORG_WRITE)).provider
    assert (made.type, made.idp_provider_name) == (SAML, "saml-acme.example")
    assert made.attribute_mapping == pb.SSOAttributeMapping()


def test_the_same_key_creates_once(idp: IdentityProvider, tenant: Tenant) -> None:
    key = tenant.key()
    made = call(CREATE, oidc(idp), key, idempotency_key="k1")
    assert call(CREATE, oidc(idp), key, idempotency_key="k1") == made
    assert len(idp.received) == 1
    assert code(CREATE, oidc(idp), key) == "ALREADY_EXISTS"


def test_a_domain_others_have_proved_is_taken(idp: IdentityProvider, tenant: Tenant) -> None:
    sso.provider(domain="acme.example", proved=True)
    assert code(CREATE, oidc(idp), tenant.key()) == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"domain": ""}, ["domain"]),
        ({"domain": "gmail.com"}, ["domain"]),
        ({"domain": "x" * 254}, ["domain"]),
        ({"type": pb.SSOProviderType.UNSPECIFIED}, ["type"]),
        ({"type": pb.SSOProviderType(7)}, ["type"]),
        ({"type": SAML}, ["client_id", "client_secret"]),
        ({"metadata_url": ""}, ["metadata_url"]),
        ({"metadata_url": "http://idp.example.com/.well-known/openid-configuration"}, ["metadata_url"]),
        ({"metadata_url": "https://10.0.0.1/.well-known/openid-configuration"}, ["metadata_url"]),
        ({"metadata_url": "https://idp.example.com/" + "x" * 2048}, ["metadata_url"]),
        ({"client_id": ""}, ["client_id"]),
        ({"client_id": "x" * 501}, ["client_id"]),
        ({"client_secret": "x" * 501}, ["client_secret"]),
        ({"attribute_mapping": pb.SSOAttributeMapping(given_name="x" * 501)}, ["attribute_mapping.given_name"]),
        ({"domain": "", "client_id": ""}, ["client_id", "domain"]),
    ],
)
def test_what_is_malformed_is_named(
    idp: IdentityProvider, tenant: Tenant, changes: dict[str, Any], fields: list[str]
) -> None:
    assert faults(CREATE, oidc(idp, **changes), tenant.key()) == fields
    assert not SsoProvider.objects.exists()


def test_metadata_that_cannot_be_had_is_the_address_s_fault(idp: IdentityProvider, tenant: Tenant) -> None:
    request = oidc(idp)
    idp.documents["/.well-known/openid-configuration"] = Answer(404)
    refusal = pidgr.refusal(CREATE, request, tenant.key())
    (violation,) = refusal.violations
    assert (violation.field, "answered 404" in violation.description) == ("metadata_url", True)


@pytest.mark.parametrize("method", [CREATE, GET, DELETE])
def test_who_may(idp: IdentityProvider, tenant: Tenant, method: str) -> None:
    sso.provider(tenant.organization)
    request: Any = {
        CREATE: oidc(idp),
        GET: pb.GetSSOProviderRequest(),
        DELETE: pb.DeleteSSOProviderRequest(provider_id=NOWHERE),
    }[method]
    assert code(method, request) == "UNAUTHENTICATED"
    assert code(method, request, "pidgr_k_nonsense") == "UNAUTHENTICATED"
    rights = {Right.ORG_READ} if method == GET else {Right.ORG_WRITE}
    for credential in (
        tenant.person(*set(Right) - rights),
        tenant.key(rights=set(Right) - rights),
        pidgr.token_of(factories.outsider()),
        callers.service_key("organizations"),
    ):
        assert code(method, request, credential) == "PERMISSION_DENIED"
    assert idp.received == []


def test_another_organization_s_is_not_there(tenant: Tenant) -> None:
    made = sso.provider(tenant.organization)
    other = Tenant.new().key()
    assert code(GET, pb.GetSSOProviderRequest(), other) == "NOT_FOUND"
    assert code(DELETE, pb.DeleteSSOProviderRequest(provider_id=str(made.pk)), other) == "NOT_FOUND"
    assert SsoProvider.objects.filter(pk=made.pk).exists()


def test_deleting_and_deleting_again(tenant: Tenant) -> None:
    request, key = pb.DeleteSSOProviderRequest(provider_id=str(sso.provider(tenant.organization).pk)), tenant.key()
    assert call(DELETE, request, key) == pb.DeleteSSOProviderResponse()
    assert code(DELETE, request, key) == "NOT_FOUND"
    assert code(GET, pb.GetSSOProviderRequest(), key) == "NOT_FOUND"


@pytest.mark.parametrize("provider_id", ["", "x", "acme.example"])
def test_an_id_that_is_none(tenant: Tenant, provider_id: str) -> None:
    assert faults(DELETE, pb.DeleteSSOProviderRequest(provider_id=provider_id), tenant.key()) == ["provider_id"]


def test_anyone_may_ask_signed_in_or_not(tenant: Tenant, settings: Any) -> None:
    settings.SSO_CHECKS_PER_MINUTE = 10_000
    request = pb.CheckSSOByDomainRequest(email="ann@acme.example")
    made = sso.provider(domain="acme.example")
    assert call(CHECK, request) == pb.CheckSSOByDomainResponse()
    sso.prove(made)
    said = pb.CheckSSOByDomainResponse(sso_enabled=True, provider_name="oidc-acme.example")
    for credential in (
        "",
        tenant.person(),
        tenant.key(rights=[Right.ORG_READ]),
        pidgr.token_of(factories.outsider()),
        callers.service_key("render"),
    ):
        assert call(CHECK, request, credential) == said
    # Who shows credentials shows good ones.
    assert code(CHECK, request, "pidgr_k_nonsense") == "UNAUTHENTICATED"
    for email in ("", "ann", "x" * 255):
        assert faults(CHECK, pb.CheckSSOByDomainRequest(email=email)) == ["email"]


def test_who_asks_too_often_is_told_to_wait(db: None, settings: Any) -> None:
    settings.SSO_CHECKS_PER_MINUTE = 3
    request = pb.CheckSSOByDomainRequest(email="ann@acme.example")
    for _ in range(3):
        # Other tests ask from this address too.
        with suppress(Refused):
            call(CHECK, request)
    refusal = pidgr.refusal(CHECK, request)
    assert refusal.code.name == "RESOURCE_EXHAUSTED"
    assert refusal.retry_after_s is not None
    assert 0 < refusal.retry_after_s <= 60
