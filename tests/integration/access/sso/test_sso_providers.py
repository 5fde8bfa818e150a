"""Identity providers set up, read and removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from threading import Barrier

import pytest
from django.core.management import call_command
from pytest_django import Settings

from ops_console.access.actors import Actor
from ops_console.access.models import SsoProvider
from ops_console.access.services import sso_providers
from ops_console.access.services.sso_providers import AttributeMapping
from ops_console.audit.models import AuditEntry
from ops_console.errors import AlreadyExists, Forbidden, NotFound
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from ops_console.secrets_at_rest import decrypt
from tests import bearers, factories, sso, tenants
from tests.factories import NOW
from tests.fakes.identity_provider import IdentityProvider
from tests.integration.access.sso.setting_up import SECRET, create, faults, oidc, saml
from tests.threads import in_threads

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
    anyone = Actor.anyone(bearers.somewhere())
    assert not sso_providers.check_by_domain(email="ann@acme.example", actor=anyone).is_enabled
    sso.provider(domain="acme.example", proved=True)
    with pytest.raises(AlreadyExists):
        create(saml(idp), admin)
    create(saml(idp, "acme.test"), admin)


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
