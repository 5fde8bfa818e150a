"""Signing in through a SAML 2.0 provider: web browser SSO, the request by HTTP-Redirect, or by HTTP-POST where the
provider has no other, the response by HTTP-POST.

python3-saml verifies the signature and checks the response as the profile has it, signed assertions always wanted. It
is lenient where the profile lets a part be left out; ``saml_shape`` before it and ``saml_assertion`` after it are not.
Nothing in here asks the document who signed it: the certificates are those of the provider's metadata.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape, quoteattr

from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.errors import OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from ops_console.access.models import SsoProvider
from ops_console.access.sso import browser_secret, endpoints, saml_assertion
from ops_console.access.sso.refusals import NotLetIn, Told
from ops_console.access.sso.saml_assertion import EMAIL_FORMAT, Vouched
from ops_console.access.sso.saml_metadata import POST, PROTOCOL, REDIRECT
from ops_console.access.sso.saml_shape import the_assertion

# Characters of a response in base64.
LONGEST = 128 * 1024


def sign_in_url(provider: SsoProvider, *, state: str, secret: str) -> str:
    """Where the browser begins."""
    url = provider.metadata["redirect_url"]
    request = Request(provider, browser_secret.request_id(secret)).get_request()
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'SAMLRequest': request, 'RelayState': state})}"


def request_text(provider: SsoProvider, *, secret: str) -> str:
    """The request as a form carries it, for a provider that takes none in its address."""
    return str(Request(provider, browser_secret.request_id(secret)).get_request(deflate=False))


def identify(provider: SsoProvider, response: str, *, secret: str | None, now: datetime) -> Vouched:
    """Whom the provider vouches for. ``secret`` is that of the browser's attempt; None: nobody began here.

    Raises:
        NotLetIn: the response does not count.
    """
    request_id = browser_secret.request_id(secret) if secret is not None else None
    with _refusals():
        verified = OneLogin_Saml2_Response(_settings(provider), _checked_text(response))
        _check_status(verified)
        assertion = the_assertion(verified.document)
        verified.is_valid(_request_data(provider), request_id, raise_exceptions=True)
        return saml_assertion.read(provider, assertion, request_id=request_id, now=now)


def own_metadata(provider_name: str) -> str:
    """What a SAML provider of that name is told of us, as XML (saml-metadata-2.0-os)."""
    return (
        f'<?xml version="1.0"?>\n<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f"entityID={quoteattr(endpoints.entity_id(provider_name))}>\n"
        f'  <md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true" '
        f'protocolSupportEnumeration="{PROTOCOL}">\n'
        f"    <md:NameIDFormat>{EMAIL_FORMAT}</md:NameIDFormat>\n"
        f'    <md:AssertionConsumerService index="0" isDefault="true" Binding="{POST}" '
        f"Location={quoteattr(endpoints.acs_url(provider_name))}/>\n"
        f"  </md:SPSSODescriptor>\n</md:EntityDescriptor>\n"
    )


class Request(OneLogin_Saml2_Authn_Request):  # type: ignore[misc]
    """A request under an id of ours, so that only the browser that began can bring its answer."""

    def __init__(self, provider: SsoProvider, request_id: str) -> None:
        self._own_id = request_id
        super().__init__(_settings(provider), set_nameid_policy=False)

    def _generate_request_id(self) -> str:
        return self._own_id


def _settings(provider: SsoProvider) -> OneLogin_Saml2_Settings:
    name, stored = provider.idp_provider_name, provider.metadata
    # The library writes it into XML as it stands.
    url = escape(stored["redirect_url"] or stored["post_url"], {'"': "&quot;"})
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "debug": False,
            "sp": {
                "entityId": endpoints.entity_id(name),
                "assertionConsumerService": {"url": endpoints.acs_url(name), "binding": POST},
                "NameIDFormat": EMAIL_FORMAT,
            },
            "idp": {
                "entityId": stored["entity_id"],
                "singleSignOnService": {"url": url, "binding": REDIRECT},
                "x509certMulti": {"signing": [each["der"] for each in stored["certificates"]]},
            },
            "security": {
                "wantAssertionsSigned": True,
                "wantNameId": False,
                "wantAttributeStatement": False,
                "requestedAuthnContext": False,
                "rejectDeprecatedAlgorithm": True,
                "rejectUnsolicitedResponsesWithInResponseTo": True,
            },
        }
    )


def _request_data(provider: SsoProvider) -> dict[str, str]:
    """Where the response came, by our own address and never by the Host header."""
    parts = urlsplit(endpoints.acs_url(provider.idp_provider_name))
    return {"https": "on" if parts.scheme == "https" else "off", "http_host": parts.netloc, "script_name": parts.path}


def _checked_text(response: str) -> str:
    if not response or len(response) > LONGEST:
        raise NotLetIn("saml_no_response")
    try:
        base64.b64decode("".join(response.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotLetIn("saml_no_response") from error
    return response


def _check_status(response: OneLogin_Saml2_Response) -> None:
    try:
        response.check_status()
    except OneLogin_Saml2_ValidationError as error:
        if error.code == OneLogin_Saml2_ValidationError.STATUS_CODE_IS_NOT_SUCCESS:
            raise NotLetIn("provider_refused", Told.DENIED) from None
        raise


@contextmanager
def _refusals() -> Iterator[None]:
    """What the libraries raise quotes the document: only its kind is kept."""
    try:
        yield
    except NotLetIn:
        raise
    except Exception as error:  # noqa: BLE001 - anybody's bytes, and the libraries let through errors of what they parse with
        code = getattr(error, "code", None)
        raise NotLetIn(f"saml_{code if isinstance(code, int) else type(error).__name__}"[:60]) from None
