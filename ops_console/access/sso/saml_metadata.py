"""The metadata of a SAML 2.0 identity provider (saml-metadata-2.0-os), read without a DTD, entities or network."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ops_console.access.sso.saml_time import instant
from ops_console.access.sso.unfit import Unfit
from ops_console.formats import json_time

MEDIA_TYPE = "application/samlmetadata+xml, application/xml, text/xml"
MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
# Characters, by section 2.3.2.
ENTITY_ID_LENGTH = 1024
MOST_CERTIFICATES = 10
LEAST_RSA_BITS = 2048


@dataclass(frozen=True)
class Certificate:
    """An X.509 certificate by whose key the provider signs. Its dates are told, not enforced: SAML trusts the key."""

    der: bytes
    not_before: datetime
    not_after: datetime
    # SHA-256 of the DER, in hexadecimal digits.
    fingerprint: str

    def stored(self) -> dict[str, str]:
        return {
            "der": base64.b64encode(self.der).decode(),
            "fingerprint": self.fingerprint,
            "not_before": json_time(self.not_before),
            "not_after": json_time(self.not_after),
        }


@dataclass(frozen=True)
class SamlMetadata:
    """What signing in needs of the document. At least one of the two addresses is there; the other may be empty."""

    entity_id: str
    redirect_url: str
    post_url: str
    certificates: tuple[Certificate, ...]
    # After which the document says it should not be used.
    valid_until: datetime | None

    @property
    def urls(self) -> Mapping[str, str]:
        found = {"The HTTP-Redirect address": self.redirect_url, "The HTTP-POST address": self.post_url}
        return {purpose: url for purpose, url in found.items() if url}

    def stored(self) -> dict[str, Any]:
        return {
            "entity_id": self.entity_id,
            "redirect_url": self.redirect_url,
            "post_url": self.post_url,
            "certificates": [certificate.stored() for certificate in self.certificates],
            "valid_until": json_time(self.valid_until) if self.valid_until else None,
        }


def parse(document: bytes, *, now: datetime) -> SamlMetadata:
    """Read the metadata of one identity provider.

    Raises:
        Unfit: what is wrong with it.
    """
    entity, provider = _provider_in(_root(document))
    entity_id = entity.get("entityID", "").strip()
    if not 0 < len(entity_id) <= ENTITY_ID_LENGTH or not entity_id.isprintable():
        raise Unfit("The metadata lacks a proper entityID.")
    services = {service.get("Binding"): service for service in reversed(provider.findall(f"{MD}SingleSignOnService"))}
    redirect_url, post_url = (_location(services.get(binding)) for binding in (REDIRECT, POST))
    if not (redirect_url or post_url):
        raise Unfit("The metadata names no SingleSignOnService by HTTP-Redirect or HTTP-POST.")
    if provider.get("WantAuthnRequestsSigned") in ("true", "1"):
        raise Unfit("The provider wants signed requests (WantAuthnRequestsSigned); let it take ours, which are not.")
    valid_until = min(filter(None, (_valid_until(entity), _valid_until(provider))), default=None)
    if valid_until and valid_until <= now:
        raise Unfit("The metadata's time is over (validUntil).")
    return SamlMetadata(
        entity_id=entity_id,
        redirect_url=redirect_url,
        post_url=post_url,
        certificates=_certificates(provider),
        valid_until=valid_until,
    )


def _root(document: bytes) -> Element:
    try:
        root: Element = fromstring(document, forbid_dtd=True)
    except DefusedXmlException as error:
        raise Unfit("The metadata holds a document type or entities, which are not read.") from error
    # LookupError and ValueError: an encoding there is not.
    except (ParseError, LookupError, ValueError) as error:
        raise Unfit("The metadata is not XML.") from error
    return root


def _provider_in(root: Element) -> tuple[Element, Element]:
    """The one entity that is an identity provider, and its description as such."""
    found = [
        (entity, provider)
        for entity in root.iter(f"{MD}EntityDescriptor")
        for provider in entity.findall(f"{MD}IDPSSODescriptor")
        if PROTOCOL in provider.get("protocolSupportEnumeration", "").split()
    ]
    if not found:
        raise Unfit("The metadata describes no identity provider of SAML 2.0 (IDPSSODescriptor).")
    if len(found) > 1:
        raise Unfit("The metadata describes several identity providers: give the address of one's own.")
    return found[0]


def _location(service: Element | None) -> str:
    return "" if service is None else service.get("Location", "").strip()


def _valid_until(element: Element) -> datetime | None:
    text = element.get("validUntil")
    if text is None:
        return None
    try:
        return instant(text)
    except ValueError as error:
        raise Unfit("The metadata's validUntil is no time.") from error


def _certificates(provider: Element) -> tuple[Certificate, ...]:
    """Those for signing, each once, in the document's order."""
    texts = {text: None for key in provider.findall(f"{MD}KeyDescriptor") for text in _certificate_texts(key)}
    if not texts:
        raise Unfit("The metadata holds no certificate for signing.")
    if len(texts) > MOST_CERTIFICATES:
        raise Unfit(f"The metadata holds more than {MOST_CERTIFICATES} certificates.")
    return tuple(_certificate(text) for text in texts)


def _certificate_texts(key: Element) -> Iterable[str]:
    if key.get("use", "signing") != "signing":
        return []
    return ["".join((found.text or "").split()) for found in key.iter(f"{DS}X509Certificate")]


def _certificate(text: str) -> Certificate:
    try:
        der = base64.b64decode(text, validate=True)
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
    except (binascii.Error, ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise Unfit("A certificate of the metadata is no X.509 certificate.") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise Unfit(f"A certificate of the metadata has an RSA key of fewer than {LEAST_RSA_BITS} bits.")
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise Unfit("A certificate of the metadata has a key that is neither RSA nor of an elliptic curve.")
    return Certificate(
        der=der,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )
