from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from ipaddress import ip_address
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from ops_console.access.actors import Actor
from ops_console.access.models import SsoProvider
from ops_console.access.services import sso_metadata, sso_providers
from ops_console.access.services.sso_providers import AttributeMapping, NewProvider
from ops_console.audit.models import AuditEntry
from ops_console.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, RateLimited
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from ops_console.outbound.addresses import Address
from ops_console.outbound.documents import Reader
from ops_console.secrets_at_rest import decrypt
from tests import bearers, factories, sso, tenants
from tests.factories import NOW
from tests.fakes.identity_provider import IdentityProvider, saml_metadata
from tests.fakes.webhook_receiver import Answer, Behaviour, Flood
from tests.threads import in_threads

SECRET = "only-the-provider-and-we-know"


@pytest.fixture
def owner(db: None) -> Organization:
    return factories.organization("Acme Feathers")


@pytest.fixture
def admin(owner: Organization) -> Actor:
    return sso.administrator(owner)


def saml(idp: IdentityProvider, domain: str = "acme.example", **changes: Any) -> NewProvider:
    return NewProvider(**{"domain": domain, "type": "saml", "metadata_url": idp.serve_saml(), **changes})


def oidc(idp: IdentityProvider, domain: str = "acme.example", **changes: Any) -> NewProvider:
    given = {"metadata_url": idp.serve_discovery(), "client_id": "pigeon", "client_secret": SECRET}
    return NewProvider(**{"domain": domain, "type": "oidc", **given, **changes})


def create(wanted: NewProvider, actor: Actor, **how: Any) -> SsoProvider:
    return sso_providers.create_provider(wanted=wanted, actor=actor, now=NOW, **how)


def faults(wanted: NewProvider, actor: Actor, **how: Any) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(InvalidInput) as refusal:
        create(wanted, actor, **how)
    assert not SsoProvider.objects.exists()
    return {fault.path: fault.message for fault in refusal.value.errors}


# --- Setting one up ------------------------------------------------------------------------------------------------


def test_saml_metadata_is_read_and_the_provider_waits_for_its_domain(
    idp: IdentityProvider, admin: Actor, owner: Organization
) -> None:
    mapping = AttributeMapping(email="mail", family_name="sn")
    made = create(saml(idp, " ACME.example.", attribute_mapping=mapping), admin)
    kept = SsoProvider.objects.get()
    assert (made.pk, kept.organization, kept.domain, kept.type) == (kept.pk, owner, "acme.example", "saml")
    assert (kept.is_proved, kept.asked_at, kept.answer) == (False, None, "")
    assert kept.due_at == NOW + timedelta(minutes=1)
    assert kept.metadata["redirect_url"] == idp.url("/saml/sso")
    assert len(kept.metadata["certificates"]) == 1
    assert kept.attribute_mapping == {"email": "mail", "family_name": "sn"}
    assert kept.client_secret is None
    assert kept.idp_provider_name == "saml-acme.example"


def test_a_discovery_document_is_read_and_the_secret_is_kept_encrypted(idp: IdentityProvider, admin: Actor) -> None:
    create(oidc(idp), admin)
    kept = SsoProvider.objects.get()
    assert kept.metadata["issuer"] == idp.url("")
    assert kept.client_id == "pigeon"
    assert kept.client_secret is not None
    assert SECRET.encode() not in bytes(kept.client_secret)
    assert decrypt(kept.client_secret) == SECRET
    assert kept.idp_provider_name == "oidc-acme.example"


def test_a_client_may_have_no_secret(idp: IdentityProvider, admin: Actor) -> None:
    assert create(oidc(idp, client_secret=""), admin).client_secret is None


def test_setting_up_is_audited_without_the_secret(idp: IdentityProvider, admin: Actor, owner: Organization) -> None:
    made = create(oidc(idp), admin)
    entry = AuditEntry.objects.get(action="sso_provider.create")
    assert (entry.actor, entry.target_id, entry.chain_id) == (admin.label, str(made.pk), str(owner.pk))
    assert entry.after["domain"] == "acme.example"
    assert SECRET not in f"{AuditEntry.objects.values()} {oidc(idp)}"


def test_each_proof_is_another(db: None) -> None:
    proofs = {sso.provider().proof for _ in range(3)}
    assert len(proofs) == 3
    assert all(proof.startswith("pigeon-ops-verification=") and len(proof) >= 50 for proof in proofs)


def test_staff_name_the_organization_and_others_may_but_their_own(
    idp: IdentityProvider, admin: Actor, owner: Organization
) -> None:
    staff = Actor.staff(factories.superuser())
    assert faults(saml(idp), staff) == {("organization",): "There is no such organization."}
    other = factories.organization()
    assert faults(saml(idp), admin, organization_id=other.pk) == {("organization",): "There is no such organization."}
    assert create(saml(idp), staff, organization_id=other.pk).organization == other
    assert create(saml(idp, "other.example"), admin, organization_id=owner.pk).organization == owner


def test_a_second_one_is_refused_before_anything_is_called(idp: IdentityProvider, admin: Actor) -> None:
    create(saml(idp), admin)
    n_received = len(idp.received)
    with pytest.raises(AlreadyExists):
        create(oidc(idp, "other.example"), admin)
    assert len(idp.received) == n_received


def test_a_domain_another_organization_has_proved_is_refused_without_saying_whose(
    idp: IdentityProvider, admin: Actor
) -> None:
    other = sso.provider(factories.organization("Rival Roost"), "acme.example", proved=True)
    with pytest.raises(AlreadyExists) as refusal:
        create(saml(idp, "ACME.example"), admin)
    assert "Rival" not in refusal.value.message
    assert str(other.organization_id) not in refusal.value.message
    assert idp.received == []


def test_a_domain_others_only_claim_may_be_claimed(idp: IdentityProvider, admin: Actor) -> None:
    sso.provider(domain="acme.example")
    create(saml(idp), admin)
    assert SsoProvider.objects.filter(domain="acme.example").count() == 2


@pytest.mark.parametrize("domain", ["gmail.com", "GMAIL.com", "mail.web.de", "yahoo.co.uk"])
def test_a_public_mail_domain_is_refused(idp: IdentityProvider, admin: Actor, domain: str) -> None:
    assert set(faults(saml(idp, domain), admin)) == {("domain",)}
    assert idp.received == []


@pytest.mark.parametrize("domain", ["", "acme", "localhost", "10.0.0.1", "ann@acme.example", "a_b.example", "x" * 300])
def test_what_is_no_domain_is_refused(idp: IdentityProvider, admin: Actor, domain: str) -> None:
    assert set(faults(saml(idp, domain), admin)) == {("domain",)}


def test_every_fault_is_told_at_once(admin: Actor) -> None:
    wanted = NewProvider(
        domain="",
        type="ldap",
        metadata_url="",
        client_secret=SECRET,
        attribute_mapping=AttributeMapping(email="x" * 501, given_name="a\nb"),
    )
    assert set(faults(wanted, admin)) == {
        ("domain",),
        ("type",),
        ("metadata_url",),
        ("client_secret",),
        ("attribute_mapping", "email"),
        ("attribute_mapping", "given_name"),
    }


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": "x" * 501}, "client_id"),
        ({"client_id": "a\tb"}, "client_id"),
        ({"client_secret": "x" * 501}, "client_secret"),
        ({"client_secret": "\ud800"}, "client_secret"),
        ({"type": "saml"}, "client_id"),
    ],
)
def test_the_client_is_checked(idp: IdentityProvider, admin: Actor, changes: dict[str, Any], at: str) -> None:
    assert (at,) in faults(oidc(idp, **changes), admin)


# --- The metadata --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (Answer(404), "answered 404"),
        (Answer(302, headers={"Location": "https://169.254.169.254/"}), "redirects are not followed"),
        (Flood(), "larger than 512 KiB"),
        (Answer(body=b"<html>sign in</html>"), "no identity provider"),
        (Answer(body=b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), "document type"),
        (Answer(body=saml_metadata("http://idp.example.com/sso").encode()), "must begin with https://"),
        (Answer(body=saml_metadata("https://10.0.0.1/sso").encode()), "may not be called"),
        (Answer(body=saml_metadata("https://169.254.169.254/latest").encode()), "may not be called"),
        (Answer(body=saml_metadata("javascript:alert(1)").encode()), "HTTP-Redirect address"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_metadata_that_is_not_fit_is_refused_with_the_reason(
    idp: IdentityProvider, admin: Actor, document: Behaviour, why: str
) -> None:
    wanted = saml(idp)
    idp.documents["/saml/metadata"] = document
    assert why in faults(wanted, admin)["metadata_url",]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": "https://evil.example"}, "issuer"),
        ({"jwks_uri": "https://192.168.0.1/jwks"}, "jwks_uri"),
        ({"token_endpoint": "http://127.0.0.1/token"}, "token_endpoint"),
        ({"authorization_endpoint": "https://idp.local/authorize"}, "authorization_endpoint"),
        ({"userinfo_endpoint": "https://[::1]:22/"}, "userinfo_endpoint"),
        ({"end_session_endpoint": "ftp://idp.example.com/"}, "end_session_endpoint"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "signs ID tokens by none"),
    ],
)
def test_a_discovery_document_that_is_not_fit_is_refused(
    idp: IdentityProvider, admin: Actor, changes: dict[str, Any], why: str
) -> None:
    wanted = oidc(idp)
    idp.serve_discovery(**changes)
    assert why in faults(wanted, admin)["metadata_url",]


@pytest.mark.parametrize(
    "url",
    ["", "idp.example.com", "http://idp.example.com/", "https://10.1.2.3/", "https://u:p@idp.example.com/", "x" * 3000],
)
def test_an_address_that_may_not_be_called_is_refused(admin: Actor, url: str) -> None:
    wanted = NewProvider(domain="acme.example", type="saml", metadata_url=url)
    assert set(faults(wanted, admin)) == {("metadata_url",)}


def test_loopback_is_closed_outside_tests(idp: IdentityProvider, admin: Actor, settings: Settings) -> None:
    settings.SSO_ALLOW_LOOPBACK = False
    assert "may not be called" in faults(saml(idp), admin)["metadata_url",]
    assert idp.n_connections == 0


def test_a_name_that_points_inside_by_the_time_of_the_call_is_refused(idp: IdentityProvider, admin: Actor) -> None:
    found = iter(["93.184.215.14", "127.0.0.1"])

    def rebinding(name: str, timeout_s: float) -> Sequence[Address]:
        return [ip_address(next(found))]

    assert rebinding("", 0)
    wanted = saml(idp, metadata_url=idp.url("/saml/metadata", host="idp.customer.example"))
    assert "may not be called" in faults(wanted, admin, reader=Reader(resolve=rebinding))["metadata_url",]
    assert idp.n_connections == 0


def test_who_keeps_trying_is_told_to_wait(idp: IdentityProvider, admin: Actor) -> None:
    wanted = saml(idp)
    idp.documents.clear()
    for _ in range(sso_metadata.READINGS_PER_MINUTE):
        with pytest.raises(InvalidInput):
            create(wanted, admin)
    with pytest.raises(RateLimited):
        create(wanted, admin)
    assert len(idp.received) == sso_metadata.READINGS_PER_MINUTE


# --- Who may -------------------------------------------------------------------------------------------------------


def test_writing_asks_for_org_write_and_reading_for_org_read(idp: IdentityProvider, owner: Organization) -> None:
    made = sso.provider(owner)
    reader, stranger = tenants.caller(owner, Right.ORG_READ), tenants.caller(owner, Right.MEMBERS_MANAGE)
    assert sso_providers.get_provider(actor=reader).pk == made.pk
    alone = Actor.signed_in(factories.outsider(), member=None, session_id=made.pk)
    for who in (reader, stranger, alone, Actor.anyone("192.0.2.1")):
        with pytest.raises(Forbidden):
            create(saml(idp), who)
        with pytest.raises(Forbidden):
            sso_providers.delete_provider(provider_id=made.pk, actor=who, now=NOW)
    for who in (stranger, tenants.caller(owner, Right.ORG_WRITE), Actor.anyone(None)):
        with pytest.raises(Forbidden):
            sso_providers.get_provider(actor=who)
    assert idp.received == []


def test_another_organization_s_is_not_found(db: None) -> None:
    made, stranger = sso.provider(), sso.administrator(factories.organization())
    with pytest.raises(NotFound):
        sso_providers.get_provider(actor=stranger)
    with pytest.raises(NotFound):
        sso_providers.delete_provider(provider_id=made.pk, actor=stranger, now=NOW)
    assert SsoProvider.objects.filter(pk=made.pk).exists()


# --- Removing one --------------------------------------------------------------------------------------------------


def test_deleting_frees_organization_and_domain(idp: IdentityProvider, admin: Actor, owner: Organization) -> None:
    made = sso.provider(owner, "acme.example", proved=True)
    sso_providers.delete_provider(provider_id=made.pk, actor=admin, now=NOW, reason="moving")
    entry = AuditEntry.objects.get(action="sso_provider.delete")
    assert (entry.target_id, entry.before["domain"], entry.reason) == (str(made.pk), "acme.example", "moving")
    with pytest.raises(NotFound):
        sso_providers.delete_provider(provider_id=made.pk, actor=admin, now=NOW)
    assert not check("ann@acme.example").is_enabled
    sso.provider(domain="acme.example", proved=True)
    with pytest.raises(AlreadyExists):
        create(saml(idp), admin)
    create(saml(idp, "acme.test"), admin)


# --- Whether an address signs in through one -----------------------------------------------------------------------


def check(email: str, address: str | None = None) -> sso_providers.Check:
    return sso_providers.check_by_domain(email=email, actor=Actor.anyone(address or bearers.somewhere()))


def test_only_a_proved_domain_counts(db: None) -> None:
    made = sso.provider(domain="acme.example")
    assert check("ann@acme.example") == sso_providers.Check(is_enabled=False)
    sso.prove(made)
    for email in ("ann@acme.example", " Ann.Other+tag@ACME.Example. "):
        assert check(email) == sso_providers.Check(is_enabled=True, provider_name="oidc-acme.example")
    for email in ("ann@mail.acme.example", "ann@acme.example.org", "ann@notacme.example"):
        assert not check(email).is_enabled


def test_a_domain_in_other_letters_is_the_same(db: None) -> None:
    sso.provider(domain="münchen.example", proved=True)
    assert check("ann@MÜNCHEN.example").provider_name == "oidc-xn--mnchen-3ya.example"
    assert check("ann@xn--mnchen-3ya.example").is_enabled


@pytest.mark.parametrize("email", ["", "ann", "acme.example", "@acme.example", "ann@", "ann@acme", "a b@acme.example"])
def test_what_is_no_address_is_refused(db: None, email: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check(email)
    assert refusal.value.errors[0].path == ("email",)


def test_questions_are_counted_by_client_address(db: None, settings: Settings) -> None:
    settings.SSO_CHECKS_PER_MINUTE = 5
    address, neighbour = bearers.somewhere(), bearers.somewhere()
    for number in range(5):
        check(f"ann@acme{number}.example", address)
    with pytest.raises(RateLimited):
        check("ann@acme.example", address)
    # IPv6: the whole /64 is one customer's.
    with pytest.raises(RateLimited):
        check("ann@acme.example", address + "234")
    assert not check("ann@acme.example", neighbour).is_enabled


def test_who_is_signed_in_may_ask_and_is_counted_too(db: None, settings: Settings) -> None:
    settings.SSO_CHECKS_PER_MINUTE = 1
    who = Actor.key(
        prefix="k",
        key_id=factories.organization().pk,
        creator=tenants.member(factories.organization()),
        rights=(),
        address=bearers.somewhere(),
    )
    assert not sso_providers.check_by_domain(email="ann@acme.example", actor=who).is_enabled
    with pytest.raises(RateLimited):
        sso_providers.check_by_domain(email="ann@acme.example", actor=who)


# --- Machinery -----------------------------------------------------------------------------------------------------


def test_secrets_are_encrypted_anew_for_a_new_key(db: None, settings: Settings) -> None:
    made, bare = sso.provider(), sso.provider()
    SsoProvider.objects.filter(pk=bare.pk).update(client_secret=None)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key"
    out = StringIO()
    call_command("reencryptsecrets", stdout=out)
    assert "Encrypted 1 identity providers' secrets" in out.getvalue()
    settings.SECRET_KEY_FALLBACKS = []
    made.refresh_from_db()
    assert made.client_secret is not None
    assert decrypt(made.client_secret) == "kept-to-ourselves"


@dataclass(frozen=True)
class Together(sso.Shelf):
    """Lets nobody go on before all have read."""

    everybody: Barrier = field(default_factory=lambda: Barrier(4, timeout=60))

    def get(self, url: str, *, accept: str, max_bytes: int) -> bytes:
        self.everybody.wait()
        return super().get(url, accept=accept, max_bytes=max_bytes)


def test_of_providers_set_up_at_once_one_is_made(committed_db: None) -> None:
    owner, reader = factories.organization(), Together()
    outcomes = in_threads(4, lambda number: sso.provider(owner, f"acme{number}.example", reader=reader))
    assert sum(isinstance(outcome, SsoProvider) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 3, outcomes
    assert SsoProvider.objects.filter(organization=owner).count() == 1
    assert AuditEntry.objects.filter(action="sso_provider.create").count() == 1
