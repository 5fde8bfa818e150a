"""/api/v1/sso-providers, for members, keys and staff."""

from __future__ import annotations

from typing import Any

import pytest

from ops_console.access.models import ProofAnswer, SsoProvider
from ops_console.audit.models import AuditEntry
from ops_console.formats import json_time
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import bearers, factories, ops, sso
from tests.bearers import BearerClient
from tests.fakes.identity_provider import IdentityProvider, certificate, key_descriptor, saml_metadata
from tests.fakes.name_server import NameServer

pytestmark = pytest.mark.django_db
RECORD = "_pigeon-ops.acme.example"
SECRET = "only-the-provider-and-we-know"


@pytest.fixture
def mine() -> Organization:
    return factories.organization()


@pytest.fixture
def client(mine: Organization) -> BearerClient:
    return bearers.client(mine, Right.ORG_READ, Right.ORG_WRITE)


def pointers(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [fault["pointer"] for fault in answer.json()["errors"]]


def test_metadata_is_read_again_and_proof_and_people_stay(
    idp: IdentityProvider, client: BearerClient, mine: Organization
) -> None:
    url = idp.serve_saml(saml_metadata("https://93.184.215.14/a"))
    body = {"domain": "acme.example", "type": "saml", "metadataUrl": url}
    made = client.send("sso-providers", body).json()
    sso.prove(SsoProvider.objects.get())
    path = f"sso-providers/{made['id']}/read-again"
    # What is unfit changes nothing.
    idp.serve_saml("<html>")
    assert client.send(path, {}).status_code == 409
    idp.serve_saml(saml_metadata("https://93.184.215.14/b", keys=key_descriptor(certificate("ec"))))
    read = client.send(path, {"reason": "They changed their key."}).json()
    assert read["metadata"]["signInUrl"] == "https://93.184.215.14/b"
    assert read["metadata"]["certificates"] != made["metadata"]["certificates"]
    assert read["provedAt"] is not None
    entry = AuditEntry.objects.get(action="sso_provider.read_again")
    fingerprints = [each["fingerprint"] for each in read["metadata"]["certificates"]]
    assert (entry.reason, entry.after["certificates"]) == ("They changed their key.", fingerprints)
    # The same again is nothing to write down.
    assert client.send(path, {}).status_code == 200
    assert AuditEntry.objects.filter(action="sso_provider.read_again").count() == 1
    assert bearers.client(mine, Right.ORG_READ).send(path, {}).status_code == 403
    elsewhere = bearers.client(factories.organization(), Right.ORG_READ, Right.ORG_WRITE)
    assert elsewhere.send(path, {}).status_code == 404


def as_shown(kept: SsoProvider, idp: IdentityProvider) -> dict[str, Any]:
    """A SAML provider of acme.example just set up at ``idp``, as callers are shown it."""
    certificate = kept.metadata["certificates"][0]
    return {
        "id": str(kept.pk),
        "organization": str(kept.organization_id),
        "domain": "acme.example",
        "type": "saml",
        "idpProviderName": "saml-acme.example",
        "metadataUrl": kept.metadata_url,
        "metadata": {
            "identity": "https://idp.customer.example/saml",
            "signInUrl": idp.url("/saml/sso"),
            "certificates": [
                {
                    "fingerprint": certificate["fingerprint"],
                    "notBefore": certificate["not_before"],
                    "notAfter": certificate["not_after"],
                }
            ],
            "validUntil": "2099-01-01T00:00:00.000Z",
        },
        "attributeMapping": {"email": "", "givenName": "gn", "familyName": ""},
        "clientId": "",
        "allowsIdpInitiated": False,
        "breakGlass": None,
        "ourUrls": {
            "redirectUri": "",
            "acsUrl": "http://localhost:8000/auth/sso/saml-acme.example/acs",
            "entityId": "http://localhost:8000/auth/sso/saml-acme.example/metadata",
        },
        "dnsRecord": {"name": RECORD, "type": "TXT", "value": kept.proof},
        "provedAt": None,
        "askedAt": None,
        "answer": "",
        "dueAt": json_time(kept.due_at),  # type: ignore[arg-type]
        "createdAt": json_time(kept.created_at),
        "updatedAt": json_time(kept.created_at),
    }


def test_a_saml_provider_is_set_up_and_proved(
    idp: IdentityProvider, name_server: NameServer, client: BearerClient, mine: Organization
) -> None:
    document = saml_metadata(idp.url("/saml/sso"), attributes=' validUntil="2099-01-01T00:00:00Z"')
    url = idp.serve_saml(document)
    mapping = {"givenName": "gn"}
    body = {"domain": "ACME.example", "type": "saml", "metadataUrl": url, "attributeMapping": mapping}
    answer = client.send("sso-providers", body)
    assert answer.status_code == 201, answer.content
    made, kept = answer.json(), SsoProvider.objects.get()
    assert (kept.organization_id, kept.metadata_url) == (mine.pk, url)
    assert answer["Location"] == f"/api/v1/sso-providers/{kept.pk}"
    assert made == as_shown(kept, idp)
    name_server.texts[made["dnsRecord"]["name"]] = [made["dnsRecord"]["value"]]
    proved = client.send(f"sso-providers/{kept.pk}/prove").json()
    assert (proved["answer"], proved["provedAt"]) == ("found", proved["askedAt"])
    assert client.get(f"/api/v1/sso-providers/{kept.pk}").json() == proved
    assert client.rows("sso-providers") == [proved]


def test_a_secret_is_taken_and_never_shown(idp: IdentityProvider, client: BearerClient) -> None:
    body = {
        "domain": "acme.example",
        "type": "oidc",
        "metadataUrl": idp.serve_discovery(),
        "clientId": "pigeon",
        "clientSecret": SECRET,
    }
    answer = client.send("sso-providers", body, key="k1")
    assert answer.json()["metadata"] == {
        "identity": idp.url(""),
        "signInUrl": idp.url("/authorize"),
        "certificates": [],
        "validUntil": None,
    }
    again = client.send("sso-providers", body, key="k1")
    assert again.json() == answer.json()
    for seen in (answer, again, client.get("/api/v1/sso-providers"), client.get(answer["Location"])):
        assert "pigeon" in seen.content.decode()
        assert SECRET not in seen.content.decode()
    assert SECRET not in str(AuditEntry.objects.values())


def test_faults_are_named_by_their_members(idp: IdentityProvider, client: BearerClient) -> None:
    good = {"domain": "acme.example", "type": "saml", "metadataUrl": idp.serve_saml()}
    assert pointers(client.send("sso-providers", {})) == ["/domain", "/type", "/metadataUrl"]
    assert pointers(client.send("sso-providers", {**good, "domain": "gmail.com"})) == ["/domain"]
    assert pointers(client.send("sso-providers", {**good, "type": "ldap"})) == ["/type"]
    assert pointers(client.send("sso-providers", {**good, "clientSecret": "x"})) == ["/clientSecret"]
    assert pointers(client.send("sso-providers", {**good, "type": "oidc"})) == ["/clientId"]
    assert pointers(client.send("sso-providers", {**good, "metadataUrl": "https://10.0.0.1/"})) == ["/metadataUrl"]
    mapping = {"attributeMapping": {"givenName": "a\nb"}}
    assert pointers(client.send("sso-providers", {**good, **mapping})) == ["/attributeMapping/givenName"]
    other = {"organization": str(factories.organization().pk)}
    assert pointers(client.send("sso-providers", {**good, **other})) == ["/organization"]
    assert not SsoProvider.objects.exists()


def test_wrong_states_are_conflicts(idp: IdentityProvider, client: BearerClient, mine: Organization) -> None:
    sso.provider(domain="taken.example", proved=True)
    body = {"domain": "taken.example", "type": "saml", "metadataUrl": idp.serve_saml()}
    answer = client.send("sso-providers", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    sso.provider(mine)
    answer = client.send("sso-providers", {**body, "domain": "free.example"})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")


def test_asking_again_at_once_is_429(client: BearerClient, mine: Organization, name_server: NameServer) -> None:
    path = f"sso-providers/{sso.provider(mine).pk}/prove"
    assert client.send(path).json()["answer"] == "missing"
    again = client.send(path)
    assert again.status_code == 429
    assert 1 <= int(again["Retry-After"]) <= 10
    assert len(name_server.asked) == 2


def test_deleting_and_deleting_again(client: BearerClient, mine: Organization) -> None:
    path = f"sso-providers/{sso.provider(mine).pk}"
    assert client.send(path, method="DELETE").status_code == 204
    assert client.send(path, method="DELETE").status_code == 404


def test_staff_set_up_for_whom_they_name_and_see_all(idp: IdentityProvider, mine: Organization) -> None:
    staff = ops.client(*(("sso-providers", action) for action in ("list", "create", "retrieve")))
    body = {"domain": "acme.example", "type": "saml", "metadataUrl": idp.serve_saml()}
    assert pointers(staff.send("sso-providers", body)) == ["/organization"]
    made = staff.send("sso-providers", {**body, "organization": str(mine.pk)}).json()
    other = sso.provider(domain="other.example")
    assert [row["id"] for row in staff.rows("sso-providers", ordering="createdAt")] == [made["id"], str(other.pk)]


def test_the_list_is_narrowed(mine: Organization) -> None:
    staff = ops.client(("sso-providers", "list"))
    one, other = sso.provider(mine, "acme.example", proved=True), sso.provider(domain="birds.example")

    def listed(**query: str) -> list[str]:
        return [row["domain"] for row in staff.rows("sso-providers", **query)]

    assert listed() == ["birds.example", "acme.example"]
    assert listed(proved="true") == ["acme.example"]
    assert listed(proved="false") == ["birds.example"]
    assert listed(organization=str(other.organization_id)) == ["birds.example"]
    assert listed(domain="acme.example") == ["acme.example"]
    assert listed(type="saml") == []
    assert listed(search="bir") == ["birds.example"]
    assert staff.get("/api/v1/sso-providers", {"type": "ldap"}).status_code == 400
    assert one.answer == ProofAnswer.FOUND
