"""Answers that the SAML provider did sign: for others than us, for other times, or of others than its own people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from lxml import etree

from ops_console.access.models import Session, SsoProvider
from ops_console.access.services import sso_sign_in
from ops_console.access.services.sessions import Client
from ops_console.access.sso.refusals import NotLetIn
from ops_console.access.sso.saml_shape import MOST_ATTRIBUTES, MOST_ELEMENTS
from tests.integration.auth.sso.saml_visits import ACS, ENTITY_ID, NAME, Visit
from tests.integration.auth.sso.visits import problem
from tests.saml import SAML, SAMLP, Alter, SamlProvider, assertion_of, encoded, part

pytestmark = pytest.mark.django_db
CONDITIONS = "Conditions"
AUDIENCE = "Conditions/AudienceRestriction/Audience"
CONFIRMATION = "Subject/SubjectConfirmation"
DATA = "Subject/SubjectConfirmation/SubjectConfirmationData"


def setting(path: str, name: str, value: str | None) -> Alter:
    """An attribute of a part of the assertion, or of the response where there is no path; None takes it away."""

    def alter(response: Any) -> None:
        element = part(response, path) if path else response
        if value is None:
            del element.attrib[name]
        else:
            element.set(name, value)

    return alter


def timing(path: str, name: str, **off: float) -> Alter:
    """An instant so far from now."""

    def alter(response: Any) -> None:
        instant = datetime.now(UTC) + timedelta(**off)
        part(response, path).set(name, instant.strftime("%Y-%m-%dT%H:%M:%SZ"))

    return alter


def writing(path: str, text: str) -> Alter:
    return lambda response: setattr(part(response, path), "text", text)


def without(path: str) -> Alter:
    def alter(response: Any) -> None:
        found = part(response, path)
        found.getparent().remove(found)

    return alter


def second_audience(response: Any) -> None:
    restriction = deepcopy(part(response, "Conditions/AudienceRestriction"))
    restriction.find(f"{SAML}Audience").text = "https://elsewhere.example"
    part(response, CONDITIONS).append(restriction)


def unknown_condition(response: Any) -> None:
    etree.SubElement(part(response, CONDITIONS), f"{SAML}Condition")


def many_attributes(response: Any) -> None:
    for number in range(MOST_ATTRIBUTES):
        part(response, DATA).set(f"{{http://x/}}a{number}", "1")


def many_elements(response: Any) -> None:
    statement = etree.SubElement(assertion_of(response), f"{SAML}AttributeStatement")
    attribute = etree.SubElement(statement, f"{SAML}Attribute", Name="mail")
    for _ in range(MOST_ELEMENTS):
        etree.SubElement(attribute, f"{SAML}AttributeValue")


def other_issuer(response: Any) -> None:
    response.find(f"{SAML}Issuer").text = "https://else.example"


WRONG: Mapping[str, Alter] = {
    "more attributes than anybody needs": many_attributes,
    "more elements than anybody needs": many_elements,
    "audience": writing(AUDIENCE, "https://elsewhere.example"),
    "another tenant's audience": writing(AUDIENCE, ENTITY_ID.replace("acme", "other")),
    "no audience": without("Conditions/AudienceRestriction"),
    "second audience": second_audience,
    "expired": timing(CONDITIONS, "NotOnOrAfter", hours=-1),
    "not yet": timing(CONDITIONS, "NotBefore", hours=1),
    "no time": setting(CONDITIONS, "NotOnOrAfter", "soon"),
    "unknown condition": unknown_condition,
    "no conditions": without(CONDITIONS),
    "confirmation expired": timing(DATA, "NotOnOrAfter", hours=-1),
    "confirmation for ever": setting(DATA, "NotOnOrAfter", None),
    "confirmation not yet": timing(DATA, "NotBefore", hours=-1),
    "recipient": setting(DATA, "Recipient", "https://elsewhere.example/acs"),
    "recipient like ours": setting(DATA, "Recipient", f"https://elsewhere.example/?{ACS}"),
    "no recipient": setting(DATA, "Recipient", None),
    "request": setting(DATA, "InResponseTo", "_another"),
    "no request": setting(DATA, "InResponseTo", None),
    "method": setting(CONFIRMATION, "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
    "no confirmation": without(CONFIRMATION),
    "no subject": without("Subject"),
    "no statement": without("AuthnStatement"),
    "session over": timing("AuthnStatement", "SessionNotOnOrAfter", hours=-1),
    "issuer": writing("Issuer", "https://elsewhere.example"),
    "destination": setting("", "Destination", "https://elsewhere.example/acs"),
    "destination like ours": setting("", "Destination", f"{ACS}x"),
    "no destination written": setting("", "Destination", ""),
    "response's request": setting("", "InResponseTo", "_another"),
    "response's no request": setting("", "InResponseTo", None),
    "response's issuer": other_issuer,
    "version": setting("", "Version", "1.1"),
    "no id": setting("", "ID", None),
}
OTHERS = (
    "ann@other.example",
    "ann@mail.acme.example",
    "ann",
    "mar\u212a@acme.example",
    "ann@acme.example, boss@acme.example",
)


def test_what_is_not_for_us_or_not_for_now_does_not_count(
    saml: SamlProvider, at_saml: SsoProvider, subtests: pytest.Subtests
) -> None:
    for name, alter in WRONG.items():
        with subtests.test(name):
            visit = Visit()
            assert problem(visit.bring(saml.signed(visit.url, alter))) == "not-counted"


def test_a_provider_vouches_for_its_domain_alone_and_may_refuse(
    saml: SamlProvider, at_saml: SsoProvider, subtests: pytest.Subtests
) -> None:
    for user in OTHERS:
        with subtests.test(user):
            visit = Visit()
            assert problem(visit.bring(saml.answer(visit.url, user=user))) == "other-address"
    with subtests.test("refused"):
        visit = Visit()
        denied = saml.answer(visit.url)
        denied.find(f".//{SAMLP}StatusCode").set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
        assert problem(visit.bring(denied)) == "denied"


@pytest.fixture
def enters(saml: SamlProvider, at_saml: SsoProvider) -> Callable[..., bool]:
    """Whether an answer so altered lets in, by a clock of ours so many seconds ahead."""

    def enters(alter: Alter, *, ahead: float = 0) -> bool:
        visit = Visit()
        cookie = sso_sign_in.cookie_name(visit.state)
        try:
            sso_sign_in.finish_saml(
                provider_name=NAME,
                answer={"SAMLResponse": encoded(saml.signed(visit.url, alter)), "RelayState": visit.state},
                cookies={cookie: visit.caller.cookies[cookie].value},
                client=Client(),
                now=timezone.now() + timedelta(seconds=ahead),
            )
        except NotLetIn:
            return False
        return True

    return enters


def test_how_far_clocks_may_differ(enters: Callable[..., bool]) -> None:
    """By what the assertion says against the clock, and by our clock against what it says."""
    assert enters(timing(CONDITIONS, "NotOnOrAfter", seconds=-270))
    assert not enters(timing(CONDITIONS, "NotOnOrAfter", seconds=-310))
    assert enters(timing(CONDITIONS, "NotBefore", seconds=270))
    assert not enters(timing(CONDITIONS, "NotBefore", seconds=310))
    # Our own reading, once the library's clock is satisfied: the confirmation's five minutes are over, its condition's
    # with five more are not; and the other way round.
    assert enters(timing(DATA, "NotOnOrAfter", seconds=300), ahead=270)
    assert not enters(timing(DATA, "NotOnOrAfter", seconds=300), ahead=330)
    assert enters(timing(CONDITIONS, "NotOnOrAfter", seconds=-200), ahead=70)
    assert not enters(timing(CONDITIONS, "NotOnOrAfter", seconds=-200), ahead=130)
    for path, name in ((DATA, "NotOnOrAfter"), ("AuthnStatement", "SessionNotOnOrAfter")):
        assert enters(timing(path, name, seconds=60)), name
        assert not enters(timing(path, name, seconds=-5)), name
    # The session ends when the provider says so.
    left = Session.objects.latest("id").expires_at - timezone.now()
    assert timedelta(0) < left <= timedelta(seconds=60)
