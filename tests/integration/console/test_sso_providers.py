"""Identity providers in the console."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from ops_console.access.models import SsoProvider
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Role
from ops_console.organizations.services.joining import join, person_with
from tests import factories, sso
from tests.fakes.identity_provider import IdentityProvider, certificate, key_descriptor, saml_metadata
from tests.fakes.name_server import NameServer

from .conftest import action_of, confirm, list_of, page_of, select, told

SECRET = "only-the-provider-and-we-know"


@pytest.fixture
def made(db: None) -> SsoProvider:
    return sso.provider(factories.organization("Feathers & Sons"), "acme.example", now=timezone.now())


def given(idp: IdentityProvider, **changes: str) -> dict[str, str]:
    return {
        "organization": "Feathers & Sons",
        "domain": "acme.example",
        "type": "oidc",
        "metadata_url": idp.serve_discovery(),
        "client_id": "pigeon",
        "client_secret": SECRET,
        **changes,
    }


def test_staff_set_one_up_and_see_what_to_put_into_the_dns(root: Client, idp: IdentityProvider):
    organization = factories.organization("Feathers & Sons")
    answer = confirm(root, action_of(SsoProvider, "create"), **given(idp), given_name="gn")
    assert "acme.example waits for its DNS record" in told(answer)
    kept = SsoProvider.objects.get(organization=organization)
    assert (kept.attribute_mapping, answer.url) == ({"given_name": "gn"}, page_of(kept))
    page = root.get(page_of(kept)).content.decode()
    for shown in ("_pigeon-ops.acme.example", kept.proof, "oidc-acme.example", idp.url("/authorize"), "pending"):
        assert shown in page
    assert SECRET not in page
    assert "acme.example" in root.get(page_of(organization)).content.decode()


def test_faults_stand_at_their_fields_and_the_secret_is_not_sent_back(root: Client, idp: IdentityProvider):
    factories.organization("Feathers & Sons")
    for changes, at in (
        ({"organization": "Nobody"}, "organization"),
        ({"domain": "gmail.com"}, "domain"),
        ({"metadata_url": "https://10.0.0.1/"}, "metadata_url"),
        ({"client_id": ""}, "client_id"),
        ({"given_name": "a\x07b"}, "given_name"),
    ):
        page = confirm(root, action_of(SsoProvider, "create"), **given(idp, **changes))
        assert list(page.context["form"].errors) == [at]
        assert SECRET not in page.content.decode()
    assert not SsoProvider.objects.exists()


def test_proving_now_tells_what_the_dns_said(root: Client, made: SsoProvider, name_server: NameServer):
    assert "_pigeon-ops.acme.example" in root.get(action_of(made, "prove")).content.decode()
    answer = told(confirm(root, action_of(made, "prove")))
    assert "there is no such record. The domain is pending" in answer
    assert "Too many requests" in told(confirm(root, action_of(made, "prove")))
    SsoProvider.objects.update(asked_at=timezone.now() - timedelta(minutes=1))
    name_server.texts["acme.example"] = [made.proof]
    assert "The domain is proved" in told(confirm(root, action_of(made, "prove"), reason="The customer rang."))
    assert AuditEntry.objects.get(action="sso_provider.prove").reason == "The customer rang."
    assert "proved" in root.get(list_of(SsoProvider)).content.decode()


def test_who_breaks_the_glass_is_shown_and_named(root: Client, idp: IdentityProvider):
    organization = factories.organization("Feathers & Sons")
    changes = {"type": "saml", "metadata_url": idp.serve_saml(), "client_id": "", "client_secret": ""}
    told(confirm(root, action_of(SsoProvider, "create"), **given(idp, **changes)))
    made = SsoProvider.objects.get()
    page = root.get(page_of(made)).content.decode()
    assert "nobody: no super_admin has an address of the domain" in page
    assert "/auth/sso/saml-acme.example/acs" in page
    role = Role.objects.get(organization=organization, slug="super_admin")
    boss, second = (
        join(organization=organization, person=person_with(f"{name}@acme.example"), role=role, now=timezone.now())
        for name in ("boss", "second")
    )
    assert boss.person.email in root.get(page_of(made)).content.decode()
    named = {"break_glass": " Second@acme.example", "idp_initiated": "yes", "reason": "They asked."}
    assert "acme.example was changed" in told(confirm(root, action_of(made, "change"), **named))
    made.refresh_from_db()
    assert (made.break_glass, made.allows_idp_initiated) == (second, True)
    assert AuditEntry.objects.get(action="sso_provider.update").reason == "They asked."
    refused = confirm(root, action_of(made, "change"), break_glass="stranger@acme.example")
    assert list(refused.context["form"].errors) == ["break_glass"]
    told(confirm(root, action_of(made, "change"), idp_initiated="no"))
    made.refresh_from_db()
    assert (made.break_glass, made.allows_idp_initiated) == (second, False)


def test_deleting_asks_first_and_says_what_it_means(root: Client, made: SsoProvider):
    sso.prove(made, now=timezone.now())
    page = root.get(action_of(made, "delete")).content.decode()
    assert "Addresses of acme.example sign in by code and passkey again" in page
    assert SsoProvider.objects.exists()
    answer = confirm(root, action_of(made, "delete"), reason="They left.")
    assert "1 " in told(answer)
    assert answer.url == list_of(SsoProvider)
    assert not SsoProvider.objects.exists()
    assert AuditEntry.objects.get(action="sso_provider.delete").reason == "They left."


def test_several_are_deleted_at_once(root: Client, made: SsoProvider):
    told(select(root, "delete", made, sso.provider(), reason="Cleaning up."))
    assert not SsoProvider.objects.exists()


def test_who_only_reads_changes_nothing(viewer: Client, clerk: Client, made: SsoProvider):
    assert made.proof in viewer.get(page_of(made)).content.decode()
    for action in ("prove", "read_again", "change", "delete"):
        assert viewer.get(action_of(made, action)).status_code == 403
    assert viewer.get(action_of(SsoProvider, "create")).status_code == 403
    assert clerk.get(list_of(SsoProvider)).status_code == 403


def test_certificates_whose_time_is_over_are_marked(root: Client, idp: IdentityProvider):
    factories.organization("Feathers & Sons")
    keys = key_descriptor(certificate()) + key_descriptor(certificate(ended=True))
    url = idp.serve_saml(saml_metadata(idp.url("/sso"), keys=keys))
    changes = {"type": "saml", "metadata_url": url, "client_id": "", "client_secret": ""}
    told(confirm(root, action_of(SsoProvider, "create"), **given(idp, **changes)))
    parts = root.get(page_of(SsoProvider.objects.get())).context["object_parts"]
    table = next(part["values"] for part in parts if part["values"]["title"].startswith("Certificates"))
    assert ["valid" in row[3] for row in table["rows"]] == [True, False]
    assert ["ended" in row[3] for row in table["rows"]] == [False, True]
    idp.serve_saml(saml_metadata(idp.url("/sso")))
    assert "was read" in told(confirm(root, action_of(SsoProvider.objects.get(), "read_again")))
    assert len(SsoProvider.objects.get().metadata["certificates"]) == 1
    # And so is a whole document whose time is over.
    made = SsoProvider.objects.get()
    for until, shown in (("2020-01-01T00:00:00.000Z", "ended"), ("2099-01-01T00:00:00.000Z", "valid")):
        SsoProvider.objects.update(metadata={**made.metadata, "valid_until": until})
        page = root.get(page_of(made)).content.decode()
        assert shown in page.partition(until)[2][:400]


def test_they_are_found_and_narrowed(viewer: Client, made: SsoProvider):
    other = sso.provider(domain="birds.example", proved=True)
    for query, found in (
        ({}, [made, other]),
        ({"q": "Acm"}, [made]),
        ({"proved_at__isempty": "1"}, [made]),
        ({"proved_at__isempty": "0"}, [other]),
        ({"type__exact": "saml"}, []),
    ):
        rows = viewer.get(list_of(SsoProvider), query).context["cl"].result_list
        assert sorted(rows, key=str) == found
