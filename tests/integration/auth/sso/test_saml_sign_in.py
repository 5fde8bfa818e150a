"""Signing in through a SAML provider of pysaml2's."""

from __future__ import annotations

import base64
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ops_console.access.models import Session, SsoProvider
from ops_console.access.services import sso_sign_in
from ops_console.organizations.models import Member, Organization
from tests import sso
from tests.integration.auth.conftest import Caller
from tests.integration.auth.sso.conftest import DOMAIN
from tests.integration.auth.sso.saml_visits import ACS, ENTITY_ID, NAME, Visit, bring
from tests.integration.auth.sso.visits import come_back, problem, tokens, told
from tests.saml import UNSPECIFIED, Keys, SamlProvider, ec_key, xmlsec

pytestmark = pytest.mark.django_db
# The response signed as well, and the address in an attribute, or in a name of no stated kind.
OTHER_FORMS: tuple[dict[str, Any], ...] = (
    {"sign_response": True},
    {"user": "u-17", "name_format": UNSPECIFIED, "attributes": {"mail": "Ann@ACME.example"}},
    {"name_format": UNSPECIFIED},
)


def test_a_stranger_of_the_domain_becomes_a_member(
    saml: SamlProvider, at_saml: SsoProvider, acme: Organization
) -> None:
    visit = Visit(next="/inbox")
    cookie = visit.caller.cookies[sso_sign_in.cookie_name(visit.state)]
    assert (cookie["samesite"], cookie["secure"], cookie["httponly"]) == ("None", True, True)
    back = visit.bring(saml.answer(visit.url, attributes={"givenName": "Ann", "sn": "Arbor"}))
    assert (back.status_code, back["Location"]) == (303, "/inbox")
    entered = tokens(visit.caller).json()
    assert (entered["method"], entered["organization"]["id"]) == ("sso", str(acme.pk))
    member = Member.objects.get(pk=entered["member"]["id"])
    assert (member.person.email, member.role.slug, member.name) == ("ann@acme.example", "employee", "Ann Arbor")
    for how in OTHER_FORMS:
        visit = Visit()
        assert visit.bring(saml.answer(visit.url, **how))["Location"] == "/signin", how
    assert {session.person_id for session in Session.objects.all()} == {member.person_id}


def test_mapped_attributes_and_no_others_name_the_person(saml: SamlProvider, acme: Organization) -> None:
    sso.set_up(acme, saml.wanted(DOMAIN, email="mail", given_name="surname"))
    visit = Visit()
    attributes = {"mail": "bea@acme.example", "surname": "Berg", "givenName": "Bea"}
    visit.bring(saml.answer(visit.url, user="ann@acme.example", attributes=attributes))
    person = Session.objects.get().person
    assert (person.email, person.memberships.get().profile["first_name"]) == ("bea@acme.example", "Berg")
    Session.objects.all().delete()
    visit = Visit()
    assert problem(visit.bring(saml.answer(visit.url))) == "other-address"


def fields_of(page: Any) -> tuple[str, Any, str]:
    """Where the form of the page goes, the request it carries, and the state."""
    found = re.findall(r'(?:action|value)="([^"]*)"', page.content.decode())
    action, request, state = map(unescape, found)
    return action, etree.fromstring(base64.b64decode(request)), state


def test_a_provider_that_takes_requests_by_forms_alone(saml: SamlProvider, at_saml: SsoProvider) -> None:
    post_url = 'https://idp.acme.example/sso?a=1&b="2"'
    SsoProvider.objects.update(metadata={**at_saml.metadata, "redirect_url": "", "post_url": post_url})
    visit = Visit(next="/inbox")
    page = come_back(visit.caller, visit.url)
    assert "form-action https:" in page["Content-Security-Policy"]
    action, request, state = fields_of(page)
    assert (action, request.get("Destination"), state) == (post_url, post_url, visit.state)
    assert told(come_back(Caller(), visit.url)) == "begin-again"
    assert problem(visit.bring(saml.signed())) == "not-counted"
    # It may be looked at twice, and is used up by the answer.
    visit = Visit()
    first, second = (fields_of(come_back(visit.caller, visit.url)) for _ in range(2))
    asked = second[1].get("ID")
    assert first[1].get("ID") == asked
    assert visit.bring(saml.answer(in_response_to=asked))["Location"] == "/signin"
    assert come_back(visit.caller, visit.url).status_code == 303


def test_a_key_on_an_elliptic_curve_signs_too(saml: SamlProvider, at_saml: SsoProvider, tmp_path: Path) -> None:
    keys = Keys.new(tmp_path, "curve", ec_key)
    certificate = x509.load_pem_x509_certificate(keys.certificate_file.read_bytes())
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    # Beside the first, as while a provider changes its key.
    listed = [*at_saml.metadata["certificates"], {**at_saml.metadata["certificates"][0], "der": der}]
    SsoProvider.objects.update(metadata={**at_saml.metadata, "certificates": listed})
    for how in ({"keys": keys, "method": xmlsec.Transform.ECDSA_SHA256}, {"keys": saml.keys}):
        visit = Visit()
        response = saml.signed(visit.url, **how)
        assert visit.bring(response)["Location"] == "/signin", how


def test_an_answer_is_one_browsers_and_good_once(saml: SamlProvider, at_saml: SsoProvider) -> None:
    visit, other = Visit(), Visit()
    response = saml.answer(visit.url)
    assert problem(bring(Caller(), response, visit.state)) == "begin-again"
    assert problem(bring(other.caller, response, visit.state)) == "begin-again"
    # Another's answer, in the place of one's own; and without saying what it answers.
    assert problem(other.bring(response)) == "not-counted"
    assert problem(bring(visit.caller, response)) == "begin-again"
    assert visit.bring(response)["Location"] == "/signin"
    assert told(visit.bring(response)) == "begin-again"
    again = Visit()
    assert told(again.bring(response)) == "not-counted"
    # At another provider's address.
    stray = Visit()
    back = bring(stray.caller, saml.answer(stray.url), stray.state, "saml-other.example")
    assert told(back) == "not-counted"


def test_what_a_provider_is_told_of_us() -> None:
    answer = Caller().get(f"/auth/sso/{NAME}/metadata")
    assert answer["Content-Type"] == "application/samlmetadata+xml"
    found = etree.fromstring(answer.content)
    assert found.get("entityID") == ENTITY_ID
    (consumer,) = found.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService")
    assert consumer.get("Location") == ACS
    for name in ("oidc-acme.example", "saml-ACME.example", "saml-", "saml-<x>", "acme.example"):
        assert Caller().get(f"/auth/sso/{name}/metadata").status_code == 404, name
