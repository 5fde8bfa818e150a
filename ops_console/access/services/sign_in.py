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


def refresh(*, refresh_token: str, organization_id: UUID | None, now: datetime) -> SignedIn:
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
            move(opened.session, organization_id, now)
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
    members = held(person)
    if organization_id is None and len(members) > 1:
        return Choice(tuple(member.organization for member in members))
    member = chosen(members, organization_id, now)
    opened = sessions.open_session(person=person, member=member, method=method, client=client, now=now)
    logger.info("signed_in", extra={"person": str(person.id), "method": method, "session": str(opened.session.id)})
    return opened


def usable(person: Person) -> QuerySet[Member]:
    rows = Member.objects.filter(person=person).exclude(status=MemberStatus.DEACTIVATED)
    return rows.select_related("organization", "role", "person").order_by("id")


def held(person: Person) -> Sequence[Member]:
    return list(usable(person).select_for_update(of=("self",), no_key=True))


def hold_memberships(refresh_token: str) -> None:
    """Lock them before the session, in the order a deactivation does."""
    whose = {"person__token_sessions__refresh_tokens__token_digest": sessions.digest(refresh_token)}
    list(Member.objects.filter(**whose).order_by("id").select_for_update(of=("self",), no_key=True))


def chosen(members: Sequence[Member], organization_id: UUID | None, now: datetime) -> Member | None:
    """The member of that organization, or the only one there is, active from now on."""
    wanted = [member for member in members if organization_id in (None, member.organization_id)]
    if organization_id is not None and not wanted:
        raise Forbidden("You are no member of this organization.")
    if wanted and wanted[0].status == MemberStatus.INVITED:
        return invitations.accept(member=wanted[0], now=now)
    return wanted[0] if wanted else None


def move(session: Session, organization_id: UUID | None, now: datetime) -> None:
    """Go on in another organization.

    The session stays, so that a second use of an earlier refresh token ends it. Access tokens name the organization:
    earlier ones end.
    """
    session.member = chosen(held(session.person), organization_id, now)
    session.save(update_fields=["member"])
    logger.info("session.moved", extra={"session": str(session.id), "organization": str(organization_id)})


def organization_of(session: Session) -> UUID | None:
    return session.member.organization_id if session.member else None


def with_access(opened: OpenSession, now: datetime) -> SignedIn:
    return SignedIn(opened.session, tokens.issue(session=opened.session, now=now), opened.refresh_token)
