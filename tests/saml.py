"""A SAML identity provider built with pysaml2, another's implementation, which tells the truth; and means to alter it.

It signs with the program xmlsec1, and reads the metadata that we give out.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from django.conf import settings
from lxml import etree

from ops_console.access.services.sso_providers import AttributeMapping, NewProvider
from ops_console.access.sso.saml import own_metadata
from tests.fakes.identity_provider import SAML as METADATA_PATH
from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.webhook_receiver import Answer
from tests.programs import program

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
# Its types leave out what it is made of.
xmlsec: Any = import_module("xmlsec")
Alter = Callable[[Any], object]


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Keys:
    """A signing key with its certificate, in files as pysaml2 wants them."""

    key_file: Path
    certificate_file: Path

    @classmethod
    def new(cls, folder: Path, name: str, make: Callable[[], Any] = rsa_key) -> Keys:
        key, now = make(), datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=2)).not_valid_after(now + timedelta(days=2))
        keys = cls(folder / f"{name}.key", folder / f"{name}.crt")
        private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        keys.key_file.write_bytes(key.private_bytes(*private))
        keys.certificate_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return keys


@dataclass(frozen=True)
class SamlProvider:
    """The provider of a domain. ``server`` is pysaml2's."""

    server: Any
    keys: Keys
    other_keys: Keys
    address: str
    name: str

    def wanted(self, domain: str, **mapping: str) -> NewProvider:
        """What is to be set up here."""
        mapped = AttributeMapping(**mapping)
        return NewProvider(domain=domain, type="saml", metadata_url=self.address, attribute_mapping=mapped)

    def answer(self, url: str = "", **how: Any) -> Any:
        """The response, as lxml has it, to the request in the address we sent the browser to; without one unasked."""
        how = {"user": "ann@acme.example", "name_format": EMAIL, "attributes": {}, "sign_assertion": True, **how}
        binding = how.pop("binding", REDIRECT)
        service = f"{settings.PUBLIC_URL}/auth/sso/{self.name}"
        asked = ""
        if url:
            request = self.server.parse_authn_request(query(url)["SAMLRequest"], binding)
            assert request.message.assertion_consumer_service_url == f"{service}/acs"
            asked = request.message.id
        response = self.server.create_authn_response(
            how.pop("attributes"),
            in_response_to=how.pop("in_response_to", asked) or None,
            destination=how.pop("destination", f"{service}/acs"),
            sp_entity_id=how.pop("audience", f"{service}/metadata"),
            name_id=name_id(how.pop("user"), how.pop("name_format")),
            authn={"class_ref": PASSWORD},
            sign_alg=RSA_SHA256,
            digest_alg=SHA256,
            **how,
        )
        return etree.fromstring(str(response).encode())

    def signed(
        self, url: str = "", alter: Alter | None = None, *, keys: Keys | None = None, whole: bool = False, **how: Any
    ) -> Any:
        """``answer``, its assertion, or the whole of it, signed by ``sign``; altered before, if need be."""
        response = self.answer(url, sign_assertion=False)
        if alter is not None:
            alter(response)
        sign(response if whole else assertion_of(response), keys or self.keys, **how)
        return response


def assertion_of(response: Any) -> Any:
    return response.find(f".//{SAML}Assertion")


def part(response: Any, path: str) -> Any:
    """A part of the assertion, by the names on the way to it."""
    return assertion_of(response).find("/".join(f"{SAML}{name}" for name in path.split("/")))


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def name_id(text: str, name_format: str) -> Any:
    from saml2.saml import NameID

    return NameID(text=text, format=name_format)


def encoded(response: Any) -> str:
    return base64.b64encode(etree.tostring(response)).decode()


def sign(
    element: Any,
    keys: Keys,
    *,
    method: Any = xmlsec.Transform.RSA_SHA256,
    digest: Any = xmlsec.Transform.SHA256,
    transforms: tuple[Any, ...] = (xmlsec.Transform.ENVELOPED, xmlsec.Transform.EXCL_C14N),
    c14n: Any = xmlsec.Transform.EXCL_C14N,
    with_certificate: bool = False,
) -> None:
    """Put an enveloped signature into an element, after its issuer; with the certificate it can be verified by."""
    signature = xmlsec.template.create(element, c14n, method, ns="ds")
    element.insert(1, signature)
    reference = xmlsec.template.add_reference(signature, digest, uri=f"#{element.get('ID')}")
    for transform in transforms:
        xmlsec.template.add_transform(reference, transform)
    if with_certificate:
        xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = key(keys)
    if with_certificate:
        context.key.load_cert_from_file(str(keys.certificate_file), xmlsec.KeyFormat.PEM)
    context.sign(signature)


def key(keys: Keys) -> Any:
    return xmlsec.Key.from_file(str(keys.key_file), xmlsec.KeyFormat.PEM)


@contextmanager
def quiet() -> Iterator[None]:
    """pysaml2 reaches for what newer libraries are about to take away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="session")
def saml_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Keys, Keys]:
    folder = tmp_path_factory.mktemp("saml")
    return Keys.new(folder, "own"), Keys.new(folder, "other")


@pytest.fixture
def saml(idp: IdentityProvider, saml_keys: tuple[Keys, Keys]) -> SamlProvider:
    """The provider of acme.example, its metadata served by HTTPS on loopback."""
    xmlsec1 = program("xmlsec1")
    own, other = saml_keys
    with quiet():
        from saml2.config import IdPConfig
        from saml2.metadata import entity_descriptor
        from saml2.server import Server

        entity_id = idp.url("/saml/idp")
        endpoints = {"single_sign_on_service": [(idp.url("/saml/sso?tenant=1&hint=2"), REDIRECT)]}
        policy = {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None, "name_form": BASIC}}
        config = IdPConfig().load(
            {
                "entityid": entity_id,
                "key_file": str(own.key_file),
                "cert_file": str(own.certificate_file),
                "xmlsec_binary": xmlsec1,
                "service": {"idp": {"endpoints": endpoints, "policy": policy}},
                "metadata": {"inline": [own_metadata("saml-acme.example")]},
            }
        )
        document = str(entity_descriptor(config))
        server = Server(config=config)
    idp.documents[METADATA_PATH] = Answer(body=document.encode())
    return SamlProvider(server, own, other, idp.url(METADATA_PATH), "saml-acme.example")
