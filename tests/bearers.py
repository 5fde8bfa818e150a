"""Bearer credentials, made as the services make them, and a client that calls /api/v1 with one."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.utils import timezone

from ops_console.access import services as access
from ops_console.access.models import Session, SignInMethod
from ops_console.access.services import NewApiKey, NewServiceKey, sessions, tokens
from ops_console.organizations.models import Member, Organization, Person
from ops_console.organizations.rights import Right
from tests import factories, ops, tenants


def session_of(person: Person, member: Member | None = None) -> Session:
    return sessions.open_session(
        person=person, member=member, method=SignInMethod.CODE, client=sessions.Client(), now=timezone.now()
    ).session


def token_of(member: Member) -> str:
    """An access token of somebody signed in to the member's organization."""
    return tokens.issue(session=session_of(member.person, member), now=timezone.now()).text


def founders_token() -> str:
    """An access token of somebody who belongs to no organization."""
    return tokens.issue(session=session_of(factories.outsider()), now=timezone.now()).text


def api_key(
    creator: Member, *rights: Right, expires_at: datetime | None = None, now: datetime | None = None
) -> NewApiKey:
    return access.create_api_key(
        name="till",
        permissions=rights,
        expires_at=expires_at,
        creator=creator,
        actor=factories.COMMAND,
        now=now or timezone.now(),
    )


def key_text(of: Organization, *rights: Right) -> str:
    """A key with these rights, made by somebody who holds just them."""
    return api_key(tenants.member(of, *rights), *rights).text


def service_key(scope: str) -> NewServiceKey:
    return access.create_service_key(name="biller", scope=scope, actor=factories.COMMAND, now=timezone.now())


class BearerClient(ops.ApiClient):
    """Calls with a token or key, from an address of its own: refusals are counted by address."""

    def __init__(self, text: str) -> None:
        super().__init__(headers={"Authorization": f"Bearer {text}"}, REMOTE_ADDR=somewhere())


def client(of: Organization, *rights: Right) -> BearerClient:
    return BearerClient(key_text(of, *rights))


def somewhere() -> str:
    """An address where nobody failed yet."""
    return f"2001:db8:{secrets.randbelow(2**16):x}:{secrets.randbelow(2**16):x}::1"
