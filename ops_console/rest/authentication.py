"""Who is calling: an account by Basic auth on /pigeon/v1; on /api/v1 a token or key, or the console's session."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from ops_console.access import rate_limits
from ops_console.access.actors import Actor
from ops_console.access.services import authenticate_account, bearer
from ops_console.errors import Forbidden, Unauthenticated
from ops_console.ledger.models import Account
from ops_console.organizations.models import Organization, Person
from ops_console.rest.client_address import client_address

REALM = 'Basic realm="Pigeon Protocol", charset="UTF-8"'
BEARER = 'Bearer realm="Pidgr"'


@dataclass(frozen=True)
class Caller:
    """Who makes a request; an account comes with what it belongs to."""

    actor: Actor
    account: Account | None = None
    organization: Organization | None = None


class AccountBasicAuthentication(BaseAuthentication):
    """Basic auth with an account's Auth ID and Auth Key; failures count against the caller's address."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller]:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            raise Unauthenticated("Give your Auth ID and Auth Key by Basic auth.")
        address = client_address(request.META)
        try:
            return AnonymousUser(), _caller(header, address)
        except Unauthenticated:
            rate_limits.count_failed_authentication(address)
            raise

    def authenticate_header(self, request: Request) -> str:
        return REALM


class BearerAuthentication(BaseAuthentication):
    """An access token or a key, of which other schemes are none; refusals count against the caller's address."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header.lower().startswith("bearer"):
            return None
        actor = bearer.authenticate(authorization=header, address=client_address(request.META), now=timezone.now())
        return AnonymousUser(), Caller(actor)

    def authenticate_header(self, request: Request) -> str:
        return BEARER


class StaffSessionAuthentication(BaseAuthentication):
    """The console's session cookie, with the CSRF token on every method that changes something."""

    def authenticate(self, request: Request) -> tuple[Person, Caller]:
        person = getattr(request._request, "user", None)
        if not isinstance(person, Person) or not person.is_active:
            raise Unauthenticated("Give an access token or a key as Authorization: Bearer, or sign in to the console.")
        _enforce_csrf(request)
        if not person.is_staff:
            raise Forbidden("This is for staff.")
        return person, Caller(Actor.staff(person, client_address(request.META)))


def _caller(header: str, address: str) -> Caller:
    auth_id, auth_key = _basic(header)
    credential = authenticate_account(auth_id=auth_id, auth_key=auth_key, now=timezone.now())
    account = credential.account
    organization = account.organization
    if organization is None:
        raise Unauthenticated()
    actor = Actor.account(
        username=account.username,
        account_id=account.pk,
        organization_id=organization.pk,
        credential_id=credential.pk,
        address=address,
    )
    return Caller(actor, account, organization)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise Unauthenticated()
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise Unauthenticated() from None
    auth_id, _, auth_key = decoded.partition(":")
    return auth_id, auth_key


def _enforce_csrf(request: Request) -> None:
    check = CSRFCheck(lambda _: None)  # type: ignore[arg-type]
    check.process_request(request._request)
    reason = check.process_view(request._request, lambda _: None, (), {})  # type: ignore[arg-type,return-value]
    if reason:
        raise Forbidden(f"The CSRF token is missing or wrong: {reason}")
