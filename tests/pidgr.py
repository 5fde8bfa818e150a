"""Calls of pidgr.v1 through the whole pipeline, without a network, by people and keys with real credentials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from protobuf import Message

from ops_console.access.models import SignInMethod
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import SignedIn, enter
from ops_console.organizations.models import Member, Organization, Person, Role
from ops_console.organizations.rights import FOUNDER_ROLE, Right
from ops_console.rpc.pipeline import Exchange
from ops_console.rpc.requests import from_binary
from ops_console.rpc.routes import routes
from ops_console.rpc.statuses import Code, Refused, Status
from tests import callers, factories, tenants


def call(method: str, request: Message, credential: str = "", **headers: str) -> Any:
    """The response of ``Service.Method``, both messages having been through their binary form. Raises: Refused."""
    route = routes()["/pidgr.v1." + method.replace(".", "/")]
    headers |= {"authorization": f"Bearer {credential}"} if credential else {}
    exchange = Exchange(
        route, protocol="tests", headers={k.replace("_", "-"): v for k, v in headers.items()}, address="127.0.0.1"
    )
    try:
        exchange.admit(timeout_s=None)
        response = exchange.answer(from_binary(type(request), request.to_binary()))
        return type(response).from_binary(response.to_binary())
    finally:
        exchange.end()


def refusal(method: str, request: Message, credential: str = "", **headers: str) -> Status:
    """How a call that must be refused is."""
    try:
        answer = call(method, request, credential, **headers)
    except Refused as refused:
        return refused.status
    raise AssertionError(f"{method} was not refused: {answer}")


def code(method: str, request: Message, credential: str = "") -> str:
    """The name of the code with which a call is refused."""
    return refusal(method, request, credential).code.name


def faults(method: str, request: Message, credential: str = "") -> list[str]:
    """The fields a call is refused for."""
    status = refusal(method, request, credential)
    assert status.code is Code.INVALID_ARGUMENT, status
    return [violation.field for violation in status.violations]


def token_of(who: Member | Person) -> str:
    """An access token of somebody who has just signed in: to the member's organization, or to none."""
    person, organization = (who.person, who.organization_id) if isinstance(who, Member) else (who, None)
    entered = enter(
        person=person, organization_id=organization, method=SignInMethod.CODE, client=Client(), now=timezone.now()
    )
    assert isinstance(entered, SignedIn)
    return entered.access.text


@dataclass(frozen=True)
class Tenant:
    """An organization, its founder, and credentials for what is to be tried in it."""

    organization: Organization
    founder: Member

    @classmethod
    def new(cls, name: str = "Feathers") -> Tenant:
        organization = factories.organization(name)
        return cls(organization, Member.objects.with_person_and_role().get(organization=organization))

    def key(self, *, rights: Iterable[Right] = tuple(Right)) -> str:
        """A key of the founder's."""
        return callers.organization_key(self.organization, rights=rights)

    def person(self, *rights: Right) -> str:
        """The token of somebody new who may do just this."""
        return token_of(tenants.member(self.organization, *rights))

    def role(self, slug: str) -> Role:
        return Role.objects.get(organization=self.organization, slug=slug)

    @property
    def super_admin(self) -> Role:
        return self.role(FOUNDER_ROLE)
