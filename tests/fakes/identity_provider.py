"""The documents of an identity provider, served by HTTPS on loopback: as they should be, or as the test wants them."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from tests.fakes.webhook_receiver import Answer, Behaviour, Received, WebhookReceiver

DISCOVERY = "/.well-known/openid-configuration"
SAML = "/saml/metadata"


class IdentityProvider(WebhookReceiver):
    """Serves ``documents`` by their path."""

    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        super().__init__(ssl_context)
        self.documents: dict[str, Behaviour] = {}

    def take(self, request: Received) -> Behaviour:
        super().take(request)
        return self.documents.get(request.path, Answer(404))

    def serve_saml(self, document: str | bytes | None = None) -> str:
        """Put SAML metadata up, and return its address."""
        content = saml_metadata(self.url("/saml/sso")) if document is None else document
        self.documents[SAML] = Answer(body=content.encode() if isinstance(content, str) else content)
        return self.url(SAML)

    def serve_discovery(self, **changes: Any) -> str:
        """Put a discovery document up, and return its address."""
        self.documents[DISCOVERY] = Answer(body=json.dumps(discovery(self.url(""), **changes)).encode())
        return self.url(DISCOVERY)


@contextmanager
def providing(ssl_context: ssl.SSLContext) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(ssl_context)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def discovery(address: str, /, **changes: Any) -> dict[str, Any]:
    """A discovery document with these changes; None takes a member out."""
    document = {
        "issuer": address,
        "authorization_endpoint": f"{address.rstrip('/')}/authorize",
        "token_endpoint": f"{address.rstrip('/')}/token",
        "jwks_uri": f"{address.rstrip('/')}/jwks",
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256"],
        "scopes_supported": ["openid", "email"],
    }
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def saml_metadata(
    sso_url: str = "https://idp.customer.example/sso",
    *,
    entity_id: str = "https://idp.customer.example/saml",
    keys: str | None = None,
    services: str | None = None,
    attributes: str = "",
    before: str = "",
) -> str:
    """Metadata of one provider; ``keys`` and ``services`` replace those elements, ``before`` stands above all."""
    binding = "urn:oasis:names:tc:SAML:2.0:bindings"
    return f"""<?xml version="1.0"?>{before}
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    entityID="{entity_id}"{attributes}>
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    {key_descriptor(certificate()) if keys is None else keys}
    {
        services
        or f'<md:SingleSignOnService Binding="{binding}:HTTP-Redirect" Location="{sso_url}"/>'
        f'<md:SingleSignOnService Binding="{binding}:HTTP-POST" Location="{sso_url}/post"/>'
    }
  </md:IDPSSODescriptor>
</md:EntityDescriptor>"""


def key_descriptor(der: bytes, use: str | None = "signing") -> str:
    named = f' use="{use}"' if use else ""
    text = base64.encodebytes(der).decode()
    return (
        f"<md:KeyDescriptor{named}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n{text}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )


@cache
def certificate(kind: str = "rsa-2048", *, ended: bool = False) -> bytes:
    """A certificate for signing, in DER."""
    key: Any = {
        "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
        "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.customer.example")])
    now = datetime.now(UTC) - (timedelta(days=1000) if ended else timedelta())
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, None if kind == "ed25519" else hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)
