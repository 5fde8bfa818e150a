"""Signing in: from an address or passkey that was verified to a session in an organization.

Nothing here verifies anything; codes, passkeys and the command ``issuetoken`` do, and call ``enter``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from ops_console.access.models import Session, SignInMethod
from ops_console.access.services import sessions, tokens
from ops_console.access.services.sessions import Client, OpenSession
from ops_console.access.services.tokens import AccessToken
from ops_console.errors import Forbidden, Unauthenticated
from ops_console.organizations.models import Member, MemberStatus, Organization, Person
from ops_console.organizations.services import invitations

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SignedIn:
    """A session with its tokens, both shown this once."""

    session: Session
    access: AccessToken
    refresh_token: str


@dataclass(frozen=True)
class Choice:
    """The person belongs to several organizations, and has to say which to enter. Nothing was used up."""

    organizations: tuple[Organization, ...]


def enter(
    *, person: Person, organization_id: UUID | None, method: SignInMethod, client: Client, now: datetime
) -> SignedIn | Choice:
    """Sign a verified person in to the organization named, or to the only one; to none without any.

    An invited member becomes active. Deactivated memberships count for nothing.

    Raises:
        Forbidden: the person does not belong to that organization.
        Unauthenticated: the person may not sign in at all.
    """
    with transaction.atomic():
        entered = begin(person, organization_id, method, client, now)
    return entered if isinstance(entered, Choice) else with_access(entered, now)


def refresh(*, refresh_token: str, organization_id: UUID | None, client: Client, now: datetime) -> SignedIn:
    """Give new tokens for a refresh token; ``organization_id`` moves on to another organization of the person.

    Raises:
        Forbidden: the person does not belong to that organization; the session goes on as it was.
        Unauthenticated: the refresh token does not count (any more).
    """
    with transaction.atomic():
        if organization_id is not None:
            hold_memberships(refresh_token)
        opened = sessions.use(refresh_token=refresh_token, now=now)
        if isinstance(opened, OpenSession) and organization_id not in (None, organization_of(opened.session)):
            opened = switch(opened.session, organization_id, client, now)
    if isinstance(opened, Unauthenticated):
        raise opened
    return with_access(opened, now)


def organizations_of(person: Person) -> Sequence[Member]:
    """The person's memberships that count, oldest first, with organization and role. One query."""
    return list(usable(person))


def begin(
    person: Person, organization_id: UUID | None, method: SignInMethod, client: Client, now: datetime
) -> OpenSession | Choice:
    if not person.is_active:
        raise tokens.refused("person_inactive", person=str(person.id))
    members = list(usable(person).select_for_update(of=("self",), no_key=True))
    if organization_id is None and len(members) > 1:
        return Choice(tuple(member.organization for member in members))
    member = chosen(members, organization_id)
    if member is not None and member.status == MemberStatus.INVITED:
        member = invitations.accept(member=member, now=now)
    opened = sessions.open_session(person=person, member=member, method=method, client=client, now=now)
    logger.info("signed_in", extra={"person": str(person.id), "method": method, "session": str(opened.session.id)})
    return opened


def usable(person: Person) -> QuerySet[Member]:
    rows = Member.objects.filter(person=person).exclude(status=MemberStatus.DEACTIVATED)
    return rows.select_related("organization", "role", "person").order_by("id")


def hold_memberships(refresh_token: str) -> None:
    """Lock them before the session, in the order a deactivation does."""
    whose = {"person__token_sessions__refresh_tokens__token_digest": sessions.digest(refresh_token)}
    list(Member.objects.filter(**whose).order_by("id").select_for_update(of=("self",), no_key=True))


def chosen(members: Sequence[Member], organization_id: UUID | None) -> Member | None:
    if organization_id is None:
        return members[0] if members else None
    for member in members:
        if member.organization_id == organization_id:
            return member
    raise Forbidden("You are no member of this organization.")


def switch(session: Session, organization_id: UUID | None, client: Client, now: datetime) -> OpenSession:
    opened = begin(session.person, organization_id, SignInMethod(session.method), client, now)
    assert isinstance(opened, OpenSession)
    sessions.end_session(session_id=session.id, reason=sessions.SWITCHED, now=now)
    return opened


def organization_of(session: Session) -> UUID | None:
    return session.member.organization_id if session.member else None


def with_access(opened: OpenSession, now: datetime) -> SignedIn:
    return SignedIn(opened.session, tokens.issue(session=opened.session, now=now), opened.refresh_token)
