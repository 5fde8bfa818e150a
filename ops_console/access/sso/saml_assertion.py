"""What a verified assertion says, and that it says it to us, now, and in answer to this browser.

Read from the very element whose signature was verified. What the profile (saml-profiles-2.0-os, 4.1.4) lets a provider
leave out, and would leave an assertion good for anybody, is asked for here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ops_console.access.models import SsoProvider
from ops_console.access.sso import endpoints
from ops_console.access.sso.addresses import address_of_domain
from ops_console.access.sso.attributes import SEPARATOR, Identity
from ops_console.access.sso.refusals import NotLetIn
from ops_console.access.sso.saml_shape import SAML
from ops_console.access.sso.saml_time import instant

CONFIRMATION = f"{SAML}SubjectConfirmationData"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
# By which the provider's clock and ours may differ where conditions are looked at. Nothing is added to the time that
# the confirmation and the session state, as python3-saml has it.
SKEW = timedelta(minutes=5)
# Conditions we understand; one that is not understood makes an assertion doubtful (core, 2.5.1.1).
CONDITIONS = frozenset(f"{SAML}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction"))
# What providers call them: by name, by the object identifiers of X.500, and by Microsoft's claims.
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
USUAL_NAMES: Mapping[str, Sequence[str]] = {
    "email": ("email", "mail", "urn:oid:0.9.2342.19200300.100.1.3", f"{CLAIMS}/emailaddress"),
    "given_name": ("given_name", "givenName", "urn:oid:2.5.4.42", f"{CLAIMS}/givenname"),
    "family_name": ("family_name", "sn", "surname", "urn:oid:2.5.4.4", f"{CLAIMS}/surname"),
}


@dataclass(frozen=True)
class Vouched:
    """Whom a provider vouches for, by an assertion that counts once."""

    identity: Identity
    # What tells the assertion from all others, and until when it could be brought again.
    digest: bytes
    good_until: datetime
    # When the session it begins is over; None where the provider leaves that to us.
    not_after: datetime | None


def read(provider: SsoProvider, assertion: Any, *, request_id: str | None, now: datetime) -> Vouched:
    """Read an assertion whose signature was verified.

    Raises:
        NotLetIn: it is not for us, not of now, or not the answer to ``request_id``.
    """
    if _text(assertion.find(f"{SAML}Issuer")) != provider.metadata["entity_id"]:
        raise NotLetIn("saml_issuer")
    _check_response(provider, assertion.getparent(), request_id)
    ends = [_checked_conditions(provider, assertion, now), _confirmed_until(provider, assertion, request_id, now)]
    attributes = _attributes(assertion)
    return Vouched(
        identity=_identity(provider, attributes, assertion.find(f"{SAML}Subject/{SAML}NameID")),
        digest=_digest(provider, assertion),
        good_until=max(filter(None, ends)) + SKEW,
        not_after=_session_end(assertion),
    )


def _check_response(provider: SsoProvider, response: Any, request_id: str | None) -> None:
    """What the response around it says need not be signed; where it contradicts, something is wrong."""
    acs_url = endpoints.acs_url(provider.idp_provider_name)
    if response.get("Destination", acs_url) != acs_url:
        raise NotLetIn("saml_destination")
    if response.get("InResponseTo") != request_id:
        raise NotLetIn("saml_in_response_to" if request_id else "saml_of_another_sign_in")


def _checked_conditions(provider: SsoProvider, assertion: Any, now: datetime) -> datetime | None:
    """Until when its conditions hold; they hold now, and for us."""
    (conditions,) = assertion.findall(f"{SAML}Conditions")
    if not {child.tag for child in conditions} <= CONDITIONS:
        raise NotLetIn("saml_condition_unknown")
    audiences = [
        {_text(audience) for audience in restriction.findall(f"{SAML}Audience")}
        for restriction in conditions.findall(f"{SAML}AudienceRestriction")
    ]
    own = endpoints.entity_id(provider.idp_provider_name)
    if not audiences or not all(own in named for named in audiences):
        raise NotLetIn("saml_audience")
    begins, ends = _instant(conditions.get("NotBefore")), _instant(conditions.get("NotOnOrAfter"))
    if begins and begins > now + SKEW:
        raise NotLetIn("saml_too_early")
    if ends and ends + SKEW <= now:
        raise NotLetIn("saml_expired")
    return ends


def _confirmed_until(provider: SsoProvider, assertion: Any, request_id: str | None, now: datetime) -> datetime:
    """Until when whoever brings it may do so: to this address, in answer to this request, and for a stated time.

    The latest such time: for so long its id has to be kept.
    """
    fitting = [
        data
        for data in assertion.iterfind(f"{SAML}Subject/{SAML}SubjectConfirmation[@Method='{BEARER}']/{CONFIRMATION}")
        if data.get("Recipient") == endpoints.acs_url(provider.idp_provider_name)
        and data.get("InResponseTo") == request_id
        and data.get("NotBefore") is None
    ]
    latest = max(filter(None, (_instant(data.get("NotOnOrAfter")) for data in fitting)), default=None)
    if latest is None or latest <= now:
        raise NotLetIn("saml_unconfirmed")
    return latest


def _session_end(assertion: Any) -> datetime | None:
    statements = assertion.findall(f"{SAML}AuthnStatement")
    ends = (_instant(statement.get("SessionNotOnOrAfter")) for statement in statements)
    return min(filter(None, ends), default=None)


def _digest(provider: SsoProvider, assertion: Any) -> bytes:
    """By issuer, us and the assertion's id; not by the provider's row, which may be made anew."""
    parts = (provider.metadata["entity_id"], endpoints.entity_id(provider.idp_provider_name), assertion.get("ID"))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


# --- Who it is -----------------------------------------------------------------------------------------------------


def _identity(provider: SsoProvider, attributes: Mapping[str, str], name_id: Any) -> Identity:
    mapping = provider.attribute_mapping
    email = _named(attributes, mapping, "email")
    # The subject itself, where nothing else is said to be the address: many providers name people by it.
    is_address = name_id is not None and name_id.get("Format") == EMAIL_FORMAT
    if "email" not in mapping and (is_address or not email):
        email = _text(name_id)
    return Identity(
        email=address_of_domain(email, provider.domain),
        given_name=_named(attributes, mapping, "given_name"),
        family_name=_named(attributes, mapping, "family_name"),
        claims=attributes,
    )


def _named(attributes: Mapping[str, str], mapping: Mapping[str, str], which: str) -> str:
    names = [mapping[which]] if which in mapping else USUAL_NAMES[which]
    return next((attributes[name] for name in names if name in attributes), "")


def _attributes(assertion: Any) -> dict[str, str]:
    """Every attribute by its name and by its friendly one, several values by comma; names go before friendly ones."""
    found = list(assertion.iterfind(f"{SAML}AttributeStatement/{SAML}Attribute"))
    named = [(each.get(by), each) for by in ("FriendlyName", "Name") for each in found]
    return {name: SEPARATOR.join(_values(each)) for name, each in named if name}


def _values(attribute: Any) -> Iterator[str]:
    for value in attribute.findall(f"{SAML}AttributeValue"):
        if text := _text(value):
            yield text


def _text(element: Any) -> str:
    """The text of an element without children; comments, which would cut it, are dropped by the parser."""
    return "" if element is None or len(element) else (element.text or "").strip()


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return instant(text)
    except ValueError:
        raise NotLetIn("saml_time") from None
