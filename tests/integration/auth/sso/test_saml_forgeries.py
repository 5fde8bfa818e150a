"""Answers that the SAML provider never signed, or not so that it could be believed."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from lxml import etree

from ops_console.access.models import SsoProvider
from tests.integration.auth.sso.saml_visits import ENTITY_ID, Visit
from tests.integration.auth.sso.visits import problem
from tests.saml import DS, SamlProvider, assertion_of, part, xmlsec

pytestmark = pytest.mark.django_db
transform = xmlsec.Transform
# Makes an answer to the request in the address, as lxml has it or as the text that the browser brings.
Forge = Callable[[SamlProvider, str], Any]


def bringing(text: str | bytes) -> Forge:
    return lambda saml, url: base64.b64encode(text).decode() if isinstance(text, bytes) else text


def signing(**how: Any) -> Forge:
    return lambda saml, url: saml.signed(url, **how)


def writing(path: str, text: str, **said: Any) -> Forge:
    """The assertion altered after it was signed."""

    def forge(saml: SamlProvider, url: str) -> Any:
        response = saml.answer(url, **said)
        part(response, path).text = text
        return response

    return forge


def lacking(path: str) -> Forge:
    def forge(saml: SamlProvider, url: str) -> Any:
        response = saml.answer(url)
        found = response.find(path)
        found.getparent().remove(found)
        return response

    return forge


def with_doctype(inner: str) -> Forge:
    def forge(saml: SamlProvider, url: str) -> str:
        text = etree.tostring(saml.answer(url)).decode()
        return base64.b64encode(f"<!DOCTYPE r {inner}>{text}".encode()).decode()

    return forge


def with_attributes(count: int) -> Forge:
    """Anybody's to make, and slow to canonicalize, which comes before its signature is looked at."""

    def forge(saml: SamlProvider, url: str) -> str:
        text = etree.tostring(saml.answer(url)).decode()
        attributes = " ".join(f'x:a{number * 7919 % 1_000_003:x}="1"' for number in range(count))
        place = text.index("SubjectConfirmationData ") + len("SubjectConfirmationData ")
        return base64.b64encode(f'{text[:place]}xmlns:x="http://x/" {attributes} {text[place:]}'.encode()).decode()

    return forge


def with_shared_secret(saml: SamlProvider, url: str) -> Any:
    """Signed with the public certificate, as though it were one."""
    response = saml.answer(url, sign_assertion=False)
    assertion = assertion_of(response)
    signature = xmlsec.template.create(assertion, transform.EXCL_C14N, transform.HMAC_SHA256, ns="ds")
    assertion.insert(1, signature)
    reference = xmlsec.template.add_reference(signature, transform.SHA256, uri=f"#{assertion.get('ID')}")
    xmlsec.template.add_transform(reference, transform.ENVELOPED)
    xmlsec.template.add_transform(reference, transform.EXCL_C14N)
    xmlsec.tree.add_ids(assertion, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_binary_data(xmlsec.KeyData.HMAC, saml.keys.certificate_file.read_bytes())
    context.sign(signature)
    return response


def with_comment(saml: SamlProvider, url: str) -> Any:
    """A true answer of another domain; its name is cut where ours would end."""
    response = saml.answer(url, user="ann@acme.example.evil.example")
    name = part(response, "Subject/NameID")
    name.text = "ann@acme.example"
    comment = etree.Comment("x")
    comment.tail = ".evil.example"
    name.append(comment)
    return response


FORGERIES: Mapping[str, Forge] = {
    "unsigned": lambda saml, url: saml.answer(url, sign_assertion=False),
    "only the response signed": signing(whole=True),
    "another key": lambda saml, url: saml.signed(url, keys=saml.other_keys),
    "another key, with its certificate": lambda saml, url: saml.signed(
        url, keys=saml.other_keys, with_certificate=True
    ),
    "another name": writing("Subject/NameID", "boss@acme.example"),
    "another audience": writing("Conditions/AudienceRestriction/Audience", ENTITY_ID + "x"),
    "another attribute": writing(
        "AttributeStatement/Attribute/AttributeValue", "boss@acme.example", attributes={"mail": "ann@acme.example"}
    ),
    "no signature value": lacking(f".//{DS}SignatureValue"),
    "no reference": lacking(f".//{DS}Reference"),
    "no digest": lacking(f".//{DS}DigestValue"),
    "a doctype": with_doctype(""),
    "an entity": with_doctype('[<!ENTITY e "x">]'),
    "an outer entity": with_doctype('[<!ENTITY e SYSTEM "file:///etc/passwd">]'),
    "HMAC by the certificate": with_shared_secret,
    "SHA-1": signing(method=transform.RSA_SHA1, digest=transform.SHA1),
    "a digest of SHA-1": signing(digest=transform.SHA1),
    "comments signed": signing(c14n=transform.EXCL_C14N_COMMENTS),
    "other canonical form": signing(c14n=transform.C14N),
    "no enveloped transform": signing(transforms=(transform.EXCL_C14N,)),
    "nothing": bringing(""),
    "no base64": bringing("<Response/>"),
    "no XML": bringing(b"hello"),
    "another XML": bringing(b"<a><b/></a>"),
    "too long": bringing("QUFB" * 200_000),
    "many attributes": with_attributes(6000),
    "too many attributes": with_attributes(26_000),
}


def test_forgeries_do_not_count(
    saml: SamlProvider, at_saml: SsoProvider, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    for name, forge in FORGERIES.items():
        with subtests.test(name):
            visit = Visit()
            response, began = forge(saml, visit.url), time.process_time()
            assert problem(visit.bring(response)) == "not-counted"
            assert time.process_time() - began < 1
    with subtests.test("The log tells why, and nothing of what was brought"):
        ours = [vars(record) for record in caplog.records if record.name.startswith("ops_console")]
        reasons = {record.get("reason") for record in ours}
        assert {"saml_assertion_unsigned", "saml_algorithm", "saml_too_long"} <= reasons
        assert "@acme.example" not in repr(ours)
    with subtests.test("A comment cuts no text in two: what was signed is read whole"):
        visit = Visit()
        assert problem(visit.bring(with_comment(saml, visit.url))) == "other-address"
    with subtests.test("The smallest of all changes to none, made by the same means, lets in"):
        visit = Visit()
        assert visit.bring(saml.signed(visit.url))["Location"] == "/signin"
