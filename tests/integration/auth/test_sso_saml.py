"""Signing in through a SAML provider of pysaml2's; and what is not believed of it, or of who pretends to be it."""

from __future__ import annotations

import base64
import re
import time
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone
from lxml import etree

from ops_console.access.models import Session, SsoProvider, UsedAssertion
from ops_console.access.services import sso_providers, sso_sign_in
from ops_console.access.services.sessions import Client
from ops_console.access.services.sso_providers import Change
from ops_console.access.sso.refusals import NotLetIn
from ops_console.access.sso.saml_shape import MOST_ATTRIBUTES, MOST_ELEMENTS, the_assertion
from ops_console.organizations.models import Member, Organization
from tests import factories, sso
from tests.saml import DS, SAML, SAMLP, UNSPECIFIED, Keys, SamlProvider, assertion_of, ec_key, encoded, part, xmlsec

from .conftest import ORIGIN, Caller
from .visits import begin, problem, query, tokens

pytestmark = pytest.mark.django_db
DOMAIN, NAME = "acme.example", "saml-acme.example"
ACS, ENTITY_ID = f"http://localhost:8000/auth/sso/{NAME}/acs", f"http://localhost:8000/auth/sso/{NAME}/metadata"


@pytest.fixture
def acme(db: None) -> Organization:
    return factories.organization("Acme Feathers")


def set_up(of: Organization, saml: SamlProvider, **mapping: str) -> SsoProvider:
    made = sso_providers.create_provider(
        wanted=saml.wanted(DOMAIN, **mapping), organization_id=of.pk, actor=factories.COMMAND, now=timezone.now()
    )
    return sso.prove(made, now=timezone.now())


@pytest.fixture
def provider(saml: SamlProvider, acme: Organization) -> SsoProvider:
    return set_up(acme, saml)


def bring(caller: Caller, response: Any, state: str = "", name: str = NAME) -> Any:
    text = response if isinstance(response, str) else encoded(response)
    form = urlencode({"SAMLResponse": text, "RelayState": state})
    return caller.post(f"/auth/sso/{name}/acs", form, content_type="application/x-www-form-urlencoded")


class Visit:
    """Somebody who began, and now brings an answer."""

    def __init__(self, **more: Any) -> None:
        self.caller = Caller()
        self.url = begin(self.caller, NAME, **more)
        self.state = query(self.url)["RelayState"]

    def bring(self, response: Any) -> Any:
        return bring(self.caller, response, self.state)


def test_a_stranger_of_the_domain_becomes_a_member(
    saml: SamlProvider, provider: SsoProvider, acme: Organization
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
    # Its other forms: the response signed as well, and the address in an attribute, or in a name of no stated kind.
    for how in (
        {"sign_response": True},
        {"user": "u-17", "name_format": UNSPECIFIED, "attributes": {"mail": "Ann@ACME.example"}},
        {"name_format": UNSPECIFIED},
    ):
        visit = Visit()
        assert visit.bring(saml.answer(visit.url, **how))["Location"] == "/signin", how
    assert {session.person_id for session in Session.objects.all()} == {member.person_id}


def test_mapped_attributes_and_no_others_name_the_person(saml: SamlProvider, acme: Organization) -> None:
    set_up(acme, saml, email="mail", given_name="surname")
    visit = Visit()
    attributes = {"mail": "bea@acme.example", "surname": "Berg", "givenName": "Bea"}
    visit.bring(saml.answer(visit.url, user="ann@acme.example", attributes=attributes))
    person = Session.objects.get().person
    assert (person.email, person.memberships.get().profile["first_name"]) == ("bea@acme.example", "Berg")
    Session.objects.all().delete()
    visit = Visit()
    assert problem(visit.bring(saml.answer(visit.url))) == "other-address"


def test_a_provider_that_takes_requests_by_forms_alone(saml: SamlProvider, provider: SsoProvider) -> None:
    post_url = 'https://idp.acme.example/sso?a=1&b="2"'
    SsoProvider.objects.update(metadata={**provider.metadata, "redirect_url": "", "post_url": post_url})
    caller = Caller()
    page_url = begin(caller, NAME, next="/inbox")
    page = caller.get(page_url.removeprefix(ORIGIN))
    assert "form-action https:" in page["Content-Security-Policy"]
    action, request, state = (
        unescape(found) for found in re.findall(r'(?:action|value)="([^"]*)"', page.content.decode())
    )
    assert (action, state) == (post_url, query(page_url)["state"])
    parsed = etree.fromstring(base64.b64decode(request))
    assert parsed.get("Destination") == post_url
    answer = saml.altered("", lambda response: None)
    assert problem(bring(caller, answer, state)) == "not-counted"
    assert problem_location(Caller().get(page_url.removeprefix(ORIGIN))) == "begin-again"
    # It may be looked at twice, and is used up by the answer.
    caller = Caller()
    state = query(begin(caller, NAME))["state"]
    for _ in range(2):
        page = caller.get(f"/auth/sso/{NAME}/request", {"state": state})
    request = unescape(re.findall(r'value="([^"]*)"', page.content.decode())[0])
    asked = etree.fromstring(base64.b64decode(request)).get("ID")
    assert bring(caller, saml.answer(in_response_to=asked), state)["Location"] == "/signin"
    assert caller.get(f"/auth/sso/{NAME}/request", {"state": state}).status_code == 303


def test_a_key_on_an_elliptic_curve_signs_too(saml: SamlProvider, provider: SsoProvider, tmp_path: Path) -> None:
    keys = Keys.new(tmp_path, "curve", ec_key)
    certificate = x509.load_pem_x509_certificate(keys.certificate_file.read_bytes())
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    # Beside the first, as while a provider changes its key.
    listed = [*provider.metadata["certificates"], {**provider.metadata["certificates"][0], "der": der}]
    SsoProvider.objects.update(metadata={**provider.metadata, "certificates": listed})
    for how in ({"keys": keys, "method": xmlsec.Transform.ECDSA_SHA256}, {"keys": saml.keys}):
        visit = Visit()
        response = saml.altered(visit.url, lambda response: None, **how)
        assert visit.bring(response)["Location"] == "/signin", how


# --- Forged and wrapped --------------------------------------------------------------------------------------------


def evil_of(response: Any, assertion_id: str = "evil") -> Any:
    """A copy of the signed assertion that says somebody else, unsigned."""
    evil = deepcopy(assertion_of(response))
    evil.remove(evil.find(f"{DS}Signature"))
    evil.set("ID", assertion_id)
    evil.find(f".//{SAML}NameID").text = "boss@acme.example"
    return evil


def test_forged_signatures(saml: SamlProvider, provider: SsoProvider, caplog: pytest.LogCaptureFixture) -> None:
    transform = xmlsec.Transform
    visit = Visit()

    def changed(path: str, text: str) -> Any:
        response = saml.answer(visit.url)
        part(response, path).text = text
        return response

    def with_attribute() -> Any:
        response = saml.answer(visit.url, attributes={"mail": "ann@acme.example"})
        part(response, "AttributeStatement/Attribute/AttributeValue").text = "boss@acme.example"
        return response

    def with_comment() -> Any:
        response = saml.answer(visit.url, user="ann@acme.example.evil.example")
        name = part(response, "Subject/NameID")
        name.text = "ann@acme.example"
        comment = etree.Comment("x")
        comment.tail = ".evil.example"
        name.append(comment)
        return response

    def without(path: str) -> Any:
        response = saml.answer(visit.url)
        found = response.find(path)
        found.getparent().remove(found)
        return response

    def with_doctype(inner: str) -> Any:
        text = etree.tostring(saml.answer(visit.url)).decode()
        return base64.b64encode(f"<!DOCTYPE r {inner}>{text}".encode()).decode()

    def of_key(method: Any) -> Any:
        """Signed with the public certificate, as though it were a shared secret."""
        response = saml.answer(visit.url, sign_assertion=False)
        assertion = assertion_of(response)
        signature = xmlsec.template.create(assertion, transform.EXCL_C14N, method, ns="ds")
        assertion.insert(1, signature)
        reference = xmlsec.template.add_reference(signature, transform.SHA256, uri=f"#{assertion.get('ID')}")
        xmlsec.template.add_transform(reference, transform.ENVELOPED)
        xmlsec.template.add_transform(reference, transform.EXCL_C14N)
        xmlsec.tree.add_ids(assertion, ["ID"])
        context = xmlsec.SignatureContext()
        secret = saml.keys.certificate_file.read_bytes()
        context.key = xmlsec.Key.from_binary_data(xmlsec.KeyData.HMAC, secret)
        context.sign(signature)
        return response

    def nothing(response: Any) -> None:
        pass

    def with_attributes(count: int) -> Any:
        """Anybody's to make, and slow to canonicalize, which comes before its signature is looked at."""
        text = etree.tostring(saml.answer(visit.url)).decode()
        attributes = " ".join(f'x:a{number * 7919 % 1_000_003:x}="1"' for number in range(count))
        place = text.index("SubjectConfirmationData ") + len("SubjectConfirmationData ")
        return base64.b64encode(f'{text[:place]}xmlns:x="http://x/" {attributes} {text[place:]}'.encode()).decode()

    forgeries = {
        "unsigned": lambda: saml.answer(visit.url, sign_assertion=False),
        "only the response signed": lambda: saml.altered(visit.url, nothing, whole=True),
        "another key": lambda: saml.altered(visit.url, nothing, keys=saml.other_keys),
        "another key, with its certificate": lambda: saml.altered(
            visit.url, nothing, keys=saml.other_keys, with_certificate=True
        ),
        "another name": lambda: changed("Subject/NameID", "boss@acme.example"),
        "another audience": lambda: changed("Conditions/AudienceRestriction/Audience", ENTITY_ID + "x"),
        "another attribute": with_attribute,
        "no signature value": lambda: without(f".//{DS}SignatureValue"),
        "no reference": lambda: without(f".//{DS}Reference"),
        "no digest": lambda: without(f".//{DS}DigestValue"),
        "a doctype": lambda: with_doctype(""),
        "an entity": lambda: with_doctype('[<!ENTITY e "x">]'),
        "an outer entity": lambda: with_doctype('[<!ENTITY e SYSTEM "file:///etc/passwd">]'),
        "HMAC by the certificate": lambda: of_key(transform.HMAC_SHA256),
        "SHA-1": lambda: saml.altered(visit.url, nothing, method=transform.RSA_SHA1, digest=transform.SHA1),
        "a digest of SHA-1": lambda: saml.altered(visit.url, nothing, digest=transform.SHA1),
        "comments signed": lambda: saml.altered(visit.url, nothing, c14n=transform.EXCL_C14N_COMMENTS),
        "other canonical form": lambda: saml.altered(visit.url, nothing, c14n=transform.C14N),
        "no enveloped transform": lambda: saml.altered(visit.url, nothing, transforms=(transform.EXCL_C14N,)),
        "nothing": lambda: "",
        "no base64": lambda: "<Response/>",
        "no XML": lambda: base64.b64encode(b"hello").decode(),
        "another XML": lambda: base64.b64encode(b"<a><b/></a>").decode(),
        "too long": lambda: "QUFB" * 200_000,
        "many attributes": lambda: with_attributes(6000),
        "too many attributes": lambda: with_attributes(26_000),
    }
    for name, forge in forgeries.items():
        visit = Visit()
        response, began = forge(), time.process_time()
        assert problem(visit.bring(response)) == "not-counted", name
        assert time.process_time() - began < 1, name
    # The log tells why, and nothing of what was brought.
    ours = [vars(record) for record in caplog.records if record.name.startswith("ops_console")]
    assert {"saml_assertion_unsigned", "saml_algorithm", "saml_too_long"} <= {record.get("reason") for record in ours}
    assert "@acme.example" not in repr(ours)
    # A comment cuts no text in two: what was signed is read whole.
    visit = Visit()
    assert problem(visit.bring(with_comment())) == "other-address"
    # The smallest of all changes to none, made by the same means: it lets in.
    visit = Visit()
    assert visit.bring(saml.altered(visit.url, nothing))["Location"] == "/signin"


def test_wrapped_signatures(saml: SamlProvider, provider: SsoProvider) -> None:
    """The variants of Somorovsky et al., "On Breaking SAML" (2012), and some more."""

    def before(response: Any, evil: Any) -> None:
        response.insert(response.index(assertion_of(response)), evil)

    def after(response: Any, evil: Any) -> None:
        response.append(evil)

    def around(response: Any, evil: Any) -> None:
        true = assertion_of(response)
        response.replace(true, evil)
        evil.append(true)

    def takes_signature(response: Any, evil: Any) -> None:
        true = assertion_of(response)
        evil.insert(1, true.find(f"{DS}Signature"))
        before(response, evil)

    def within_signature(response: Any, evil: Any) -> None:
        true = assertion_of(response)
        signature = true.find(f"{DS}Signature")
        response.replace(true, evil)
        evil.insert(1, signature)
        signature.append(true)

    def within_object(response: Any, evil: Any) -> None:
        true = assertion_of(response)
        signature = true.find(f"{DS}Signature")
        response.replace(true, evil)
        evil.insert(1, signature)
        etree.SubElement(signature, f"{DS}Object").append(true)

    def evil_in_object(response: Any, evil: Any) -> None:
        etree.SubElement(assertion_of(response).find(f"{DS}Signature"), f"{DS}Object").append(evil)

    def in_extensions(response: Any, evil: Any) -> None:
        extensions = etree.Element(f"{SAMLP}Extensions")
        true = assertion_of(response)
        response.replace(true, evil)
        extensions.append(true)
        response.insert(1, extensions)

    def evil_in_extensions(response: Any, evil: Any) -> None:
        extensions = etree.Element(f"{SAMLP}Extensions")
        extensions.append(evil)
        response.insert(1, extensions)

    def in_advice(response: Any, evil: Any) -> None:
        advice = etree.Element(f"{SAML}Advice")
        advice.append(assertion_of(response))
        evil.insert(3, advice)
        response.append(evil)

    def of_one_id(response: Any, evil: Any) -> None:
        evil.set("ID", assertion_of(response).get("ID"))
        before(response, evil)

    def id_in_another_spelling(response: Any, evil: Any) -> None:
        true = assertion_of(response)
        signature = true.find(f"{DS}Signature")
        evil.insert(1, deepcopy(signature))
        evil.set("ID", true.get("ID"))
        response.replace(true, evil)
        carrier = etree.SubElement(response.find(f"{SAMLP}Status"), f"{SAMLP}StatusDetail")
        carrier.set("Id", true.get("ID"))
        carrier.append(true)

    def twice(response: Any, evil: Any) -> None:
        response.append(deepcopy(assertion_of(response)))

    def two_references(response: Any, evil: Any) -> None:
        reference = response.find(f".//{DS}Reference")
        reference.addnext(deepcopy(reference))

    def whole_document(response: Any, evil: Any) -> None:
        response.find(f".//{DS}Reference").set("URI", "")

    def response_in_response(response: Any, evil: Any) -> None:
        inner = deepcopy(response)
        response.replace(assertion_of(response), evil)
        extensions = etree.Element(f"{SAMLP}Extensions")
        extensions.append(inner)
        response.insert(1, extensions)

    def of_other_namespace(response: Any, evil: Any) -> None:
        evil.tag = "{urn:oasis:names:tc:SAML:1.0:assertion}Assertion"
        before(response, evil)

    def encrypted(response: Any, evil: Any) -> None:
        etree.SubElement(response, f"{SAML}EncryptedAssertion")

    variants = [before, after, around, takes_signature, within_signature, within_object, evil_in_object]
    variants += [in_extensions, evil_in_extensions, in_advice, of_one_id, id_in_another_spelling, twice]
    variants += [two_references, whole_document, response_in_response, of_other_namespace, encrypted]
    for wrap in variants:
        for whole in (False, True):
            visit = Visit()
            response = saml.answer(visit.url, sign_response=whole)
            wrap(response, evil_of(response))
            # Refused for its shape alone, whatever python3-saml would make of it.
            with pytest.raises(NotLetIn):
                the_assertion(response)
            assert problem(visit.bring(response)) == "not-counted", (wrap.__name__, whole)


# --- Signed, and not for us, not now, not the answer ---------------------------------------------------------------


def test_signed_assertions_that_do_not_count(saml: SamlProvider, provider: SsoProvider) -> None:
    now = datetime.now(UTC)
    past, future = ((now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (-1, 1))
    conditions, data = "Conditions", "Subject/SubjectConfirmation/SubjectConfirmationData"

    def setting(path: str, name: str, value: str | None) -> Any:
        def alter(response: Any) -> None:
            element = part(response, path) if path else response
            if value is None:
                del element.attrib[name]
            else:
                element.set(name, value)

        return alter

    def writing(path: str, text: str) -> Any:
        return lambda response: setattr(part(response, path), "text", text)

    def without(path: str) -> Any:
        def alter(response: Any) -> None:
            found = part(response, path)
            found.getparent().remove(found)

        return alter

    def adding(path: str, tag: str, **attributes: str) -> Any:
        return lambda response: etree.SubElement(part(response, path), tag, attributes)

    def second_audience(response: Any) -> None:
        restriction = deepcopy(part(response, "Conditions/AudienceRestriction"))
        restriction.find(f"{SAML}Audience").text = "https://elsewhere.example"
        part(response, conditions).append(restriction)

    def many_attributes(response: Any) -> None:
        for number in range(MOST_ATTRIBUTES):
            part(response, data).set(f"{{http://x/}}a{number}", "1")

    def many_elements(response: Any) -> None:
        statement = etree.SubElement(assertion_of(response), f"{SAML}AttributeStatement")
        attribute = etree.SubElement(statement, f"{SAML}Attribute", Name="mail")
        for _ in range(MOST_ELEMENTS):
            etree.SubElement(attribute, f"{SAML}AttributeValue")

    wrong = {
        "more attributes than anybody needs": many_attributes,
        "more elements than anybody needs": many_elements,
        "audience": writing("Conditions/AudienceRestriction/Audience", "https://elsewhere.example"),
        "another tenant's audience": writing(
            "Conditions/AudienceRestriction/Audience", ENTITY_ID.replace("acme", "other")
        ),
        "no audience": without("Conditions/AudienceRestriction"),
        "second audience": second_audience,
        "expired": setting(conditions, "NotOnOrAfter", past),
        "not yet": setting(conditions, "NotBefore", future),
        "no time": setting(conditions, "NotOnOrAfter", "soon"),
        "unknown condition": adding(conditions, f"{SAML}Condition"),
        "no conditions": without(conditions),
        "confirmation expired": setting(data, "NotOnOrAfter", past),
        "confirmation for ever": setting(data, "NotOnOrAfter", None),
        "confirmation not yet": setting(data, "NotBefore", past),
        "recipient": setting(data, "Recipient", "https://elsewhere.example/acs"),
        "recipient like ours": setting(data, "Recipient", f"https://elsewhere.example/?{ACS}"),
        "no recipient": setting(data, "Recipient", None),
        "request": setting(data, "InResponseTo", "_another"),
        "no request": setting(data, "InResponseTo", None),
        "method": setting("Subject/SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
        "no confirmation": without("Subject/SubjectConfirmation"),
        "no subject": without("Subject"),
        "no statement": without("AuthnStatement"),
        "session over": setting("AuthnStatement", "SessionNotOnOrAfter", past),
        "issuer": writing("Issuer", "https://elsewhere.example"),
        "destination": setting("", "Destination", "https://elsewhere.example/acs"),
        "destination like ours": setting("", "Destination", f"{ACS}x"),
        "no destination written": setting("", "Destination", ""),
        "response's request": setting("", "InResponseTo", "_another"),
        "response's no request": setting("", "InResponseTo", None),
        "response's issuer": lambda response: setattr(response.find(f"{SAML}Issuer"), "text", "https://else.example"),
        "version": setting("", "Version", "1.1"),
        "no id": setting("", "ID", None),
    }
    for name, alter in wrong.items():
        visit = Visit()
        assert problem(visit.bring(saml.altered(visit.url, alter))) == "not-counted", name
    told = {
        "ann@other.example": "other-address",
        "ann@mail.acme.example": "other-address",
        "ann": "other-address",
        "mar\u212a@acme.example": "other-address",
        "ann@acme.example, boss@acme.example": "other-address",
    }
    for user, expected in told.items():
        visit = Visit()
        assert problem(visit.bring(saml.answer(visit.url, user=user))) == expected, user
    visit = Visit()
    denied = saml.answer(visit.url)
    denied.find(f".//{SAMLP}StatusCode").set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
    assert problem(visit.bring(denied)) == "denied"


def test_how_far_clocks_may_differ(saml: SamlProvider, provider: SsoProvider) -> None:
    """By what the assertion says against the clock, and by our clock against what it says."""
    data = "Subject/SubjectConfirmation/SubjectConfirmationData"

    def enters(path: str, name: str, seconds: float, ahead: float = 0) -> bool:
        def alter(response: Any) -> None:
            instant = datetime.now(UTC) + timedelta(seconds=seconds)
            part(response, path).set(name, instant.strftime("%Y-%m-%dT%H:%M:%SZ"))

        visit = Visit()
        cookie = sso_sign_in.cookie_name(visit.state)
        answer = {"SAMLResponse": encoded(saml.altered(visit.url, alter)), "RelayState": visit.state}
        try:
            sso_sign_in.finish_saml(
                provider_name=NAME,
                answer=answer,
                cookies={cookie: visit.caller.cookies[cookie].value},
                client=Client(),
                now=timezone.now() + timedelta(seconds=ahead),
            )
        except NotLetIn:
            return False
        return True

    assert enters("Conditions", "NotOnOrAfter", -270)
    assert not enters("Conditions", "NotOnOrAfter", -310)
    assert enters("Conditions", "NotBefore", 270)
    assert not enters("Conditions", "NotBefore", 310)
    # Our own reading, once the library's clock is satisfied: the confirmation's five minutes are over, its condition's
    # with five more are not; and the other way round.
    assert enters(data, "NotOnOrAfter", 300, ahead=270)
    assert not enters(data, "NotOnOrAfter", 300, ahead=330)
    assert enters("Conditions", "NotOnOrAfter", -200, ahead=70)
    assert not enters("Conditions", "NotOnOrAfter", -200, ahead=130)
    for path, name in ((data, "NotOnOrAfter"), ("AuthnStatement", "SessionNotOnOrAfter")):
        assert enters(path, name, 60), name
        assert not enters(path, name, -5), name
    # The session ends when the provider says so.
    left = Session.objects.latest("id").expires_at - timezone.now()
    assert timedelta(0) < left <= timedelta(seconds=60)


def test_an_answer_is_one_browsers_and_good_once(saml: SamlProvider, provider: SsoProvider) -> None:
    visit, other = Visit(), Visit()
    response = saml.answer(visit.url)
    assert problem(bring(Caller(), response, visit.state)) == "begin-again"
    assert problem(bring(other.caller, response, visit.state)) == "begin-again"
    # Another's answer, in the place of one's own; and without saying what it answers.
    assert problem(other.bring(response)) == "not-counted"
    assert problem(bring(visit.caller, response)) == "begin-again"
    assert visit.bring(response)["Location"] == "/signin"
    assert "problem=begin-again" in visit.bring(response)["Location"]
    again = Visit()
    assert "problem=not-counted" in bring(again.caller, response, again.state)["Location"]
    # At another provider's address.
    stray = Visit()
    back = bring(stray.caller, saml.answer(stray.url), stray.state, "saml-other.example")
    assert "problem=not-counted" in back["Location"]


# --- Those who did not begin here ----------------------------------------------------------------------------------


def allow(provider: SsoProvider, allows: bool) -> None:
    change = Change(allows_idp_initiated=allows)
    sso_providers.update_provider(provider_id=provider.pk, change=change, actor=factories.COMMAND, now=timezone.now())


def second_confirmation(response: Any) -> None:
    first = part(response, "Subject/SubjectConfirmation")
    second = deepcopy(first)
    ends = datetime.now(UTC) + timedelta(hours=2)
    second.find(f"{SAML}SubjectConfirmationData").set("NotOnOrAfter", ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    first.addnext(second)


def test_unasked_answers_count_only_where_they_are_allowed(
    saml: SamlProvider, provider: SsoProvider, acme: Organization
) -> None:
    assert problem(bring(Caller(), saml.answer())) == "begin-again"
    allow(provider, True)
    # Somebody's answer to a request, brought by another as though nobody had asked.
    visit = Visit()
    assert problem(bring(Caller(), saml.answer(visit.url))) == "not-counted"
    assert (
        problem(bring(Caller(), saml.altered("", lambda response: response.set("InResponseTo", "_x")))) == "not-counted"
    )
    assert problem(bring(Caller(), saml.answer(visit.url), "/inbox")) == "not-counted"
    # One who began is held to what he began.
    assert problem(visit.bring(saml.answer())) == "not-counted"
    response, caller = saml.answer(), Caller()
    assert bring(caller, response, "/inbox")["Location"] == "/inbox"
    assert tokens(caller).json()["organization"]["id"] == str(acme.pk)
    wrong = bring(Caller(), saml.altered("", second_confirmation, keys=saml.other_keys), "/inbox")
    assert query(wrong["Location"]) == {"problem": "not-counted", "next": "/inbox"}
    for elsewhere in ("https://evil.example", "//evil.example", "x" * 3000):
        wrong = bring(Caller(), saml.altered("", second_confirmation, keys=saml.other_keys), elsewhere)
        assert query(wrong["Location"]) == {"problem": "not-counted"}
        assert bring(Caller(), saml.answer(), elsewhere)["Location"] == "/signin", elsewhere
    # Once each: also when the provider was set up anew meanwhile.
    assert "problem=not-counted" in bring(Caller(), response)["Location"]
    kept = UsedAssertion.objects.latest("id").expires_at - timezone.now()
    assert timedelta(minutes=5) < kept < timedelta(minutes=15)
    # For as long as it could be brought again by any of its confirmations.
    bring(Caller(), saml.altered("", second_confirmation))
    kept = UsedAssertion.objects.latest("id").expires_at - timezone.now()
    assert kept > timedelta(hours=2)
    sso_providers.delete_provider(provider_id=provider.pk, actor=factories.COMMAND, now=timezone.now())
    assert problem_location(bring(Caller(), response)) == "begin-again"
    allow(set_up(acme, saml), True)
    assert problem_location(bring(Caller(), response)) == "not-counted"
    allow(SsoProvider.objects.get(), False)
    assert problem_location(bring(Caller(), saml.answer())) == "begin-again"
    assert sso_sign_in.purge(now=timezone.now() + timedelta(hours=3)) == 5
    assert not UsedAssertion.objects.exists()


def problem_location(back: Any) -> str:
    return query(back["Location"])["problem"]


def test_what_a_provider_is_told_of_us() -> None:
    answer = Caller().get(f"/auth/sso/{NAME}/metadata")
    assert answer["Content-Type"] == "application/samlmetadata+xml"
    found = etree.fromstring(answer.content)
    assert found.get("entityID") == ENTITY_ID
    (consumer,) = found.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService")
    assert consumer.get("Location") == ACS
    for name in ("oidc-acme.example", "saml-ACME.example", "saml-", "saml-<x>", "acme.example"):
        assert Caller().get(f"/auth/sso/{name}/metadata").status_code == 404, name
