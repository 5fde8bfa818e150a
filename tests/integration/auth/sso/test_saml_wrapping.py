"""Signature wrapping: a signed assertion, and beside, around or within it one that says somebody else.

The variants of Somorovsky et al., "On Breaking SAML" (2012), and some more.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from lxml import etree

from ops_console.access.models import SsoProvider
from ops_console.access.sso.refusals import NotLetIn
from ops_console.access.sso.saml_shape import the_assertion
from tests.integration.auth.sso.saml_visits import Visit
from tests.integration.auth.sso.visits import problem
from tests.saml import DS, SAML, SAMLP, SamlProvider, assertion_of, sign

pytestmark = pytest.mark.django_db
SIGNATURE = f"{DS}Signature"
# Puts the evil assertion into the response.
Wrap = Callable[[Any, Any], None]


def evil_of(response: Any) -> Any:
    """A copy of the signed assertion that says somebody else, unsigned."""
    evil = deepcopy(assertion_of(response))
    evil.remove(evil.find(SIGNATURE))
    evil.set("ID", "evil")
    evil.find(f".//{SAML}NameID").text = "boss@acme.example"
    return evil


def in_its_place(response: Any, evil: Any) -> tuple[Any, Any]:
    """The evil assertion, with the signature of the true one, in its place; the true one and the signature."""
    true = assertion_of(response)
    signature = true.find(SIGNATURE)
    response.replace(true, evil)
    evil.insert(1, signature)
    return true, signature


def extensions_of(response: Any) -> Any:
    extensions = etree.Element(f"{SAMLP}Extensions")
    response.insert(1, extensions)
    return extensions


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
    evil.insert(1, true.find(SIGNATURE))
    before(response, evil)


def within_signature(response: Any, evil: Any) -> None:
    true, signature = in_its_place(response, evil)
    signature.append(true)


def within_object(response: Any, evil: Any) -> None:
    true, signature = in_its_place(response, evil)
    etree.SubElement(signature, f"{DS}Object").append(true)


def evil_in_object(response: Any, evil: Any) -> None:
    etree.SubElement(assertion_of(response).find(SIGNATURE), f"{DS}Object").append(evil)


def in_extensions(response: Any, evil: Any) -> None:
    true = assertion_of(response)
    response.replace(true, evil)
    extensions_of(response).append(true)


def evil_in_extensions(response: Any, evil: Any) -> None:
    extensions_of(response).append(evil)


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
    evil.insert(1, deepcopy(true.find(SIGNATURE)))
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
    extensions_of(response).append(inner)


def of_other_namespace(response: Any, evil: Any) -> None:
    evil.tag = "{urn:oasis:names:tc:SAML:1.0:assertion}Assertion"
    before(response, evil)


def encrypted(response: Any, evil: Any) -> None:
    etree.SubElement(response, f"{SAML}EncryptedAssertion")


VARIANTS: tuple[Wrap, ...] = (
    before,
    after,
    around,
    takes_signature,
    within_signature,
    within_object,
    evil_in_object,
    in_extensions,
    evil_in_extensions,
    in_advice,
    of_one_id,
    id_in_another_spelling,
    twice,
    two_references,
    whole_document,
    response_in_response,
    of_other_namespace,
    encrypted,
)


def signed(saml: SamlProvider, url: str, *, whole: bool) -> Any:
    """An answer with its assertion signed, and around it the response or not."""
    response = saml.signed(url)
    if whole:
        sign(response, saml.keys)
    return response


def test_wrapped_signatures_do_not_count(saml: SamlProvider, at_saml: SsoProvider, subtests: pytest.Subtests) -> None:
    for wrap in VARIANTS:
        for whole in (False, True):
            with subtests.test(wrap.__name__, whole=whole):
                visit = Visit()
                response = signed(saml, visit.url, whole=whole)
                wrap(response, evil_of(response))
                # Refused for its shape alone, whatever python3-saml would make of it.
                with pytest.raises(NotLetIn):
                    the_assertion(response)
                assert problem(visit.bring(response)) == "not-counted"
    for whole in (False, True):
        with subtests.test("not wrapped", whole=whole):
            visit = Visit()
            assert visit.bring(signed(saml, visit.url, whole=whole))["Location"] == "/signin"
