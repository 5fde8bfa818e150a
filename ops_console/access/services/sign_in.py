"""Signing in: from an address or passkey that was verified to a session in an organization.

Nothing here verifies anything; codes, passkeys and the command ``issuetoken`` do, and call ``enter``; identity
providers do, and call ``enter_by_provider``. What a code or passkey opens, ``sso_rules`` tells.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from ops_console.access.models import Session, SignInMethod, SsoProvider
from ops_console.access.services import sessions, sso_rules, tokens
from ops_console.access.services.sessions import Client, OpenSession
from ops_console.access.services.sso_rules import Doors
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

    An invited member becomes active. Deactivated memberships count for nothing, nor do those whose organization wants
    its identity provider's word: who has no others is signed in to none, and sees to what is his own, as passkeys.

    Raises:
        Forbidden: the person does not belong to that organization, or signs in there through its provider.
        Unauthenticated: the person may not sign in at all.
    """
    with transaction.atomic():
        entered = begin(person, organization_id, method, client, now)
    return entered if isinstance(entered, Choice) else with_access(entered, now)


def enter_by_provider(
    *, member: Member, provider: SsoProvider, client: Client, now: datetime, not_after: datetime | None = None
) -> SignedIn:
    """Sign an active member in to the provider's organization, for which it vouched; to no other, then or later.

    The session is over at ``not_after``; where the provider does not say, after ``SSO_SESSION_HOURS``. Call it in the
    transaction that holds the provider.

    Raises:
        Unauthenticated: the person may not sign in at all.
    """
    refuse_inactive(member.person)
    opened = sessions.open_session(
        person=member.person,
        member=member,
        method=SignInMethod.SSO,
        client=client,
        provider=provider,
        not_after=not_after or now + timedelta(hours=settings.SSO_SESSION_HOURS),
        now=now,
    )
    note(opened.session)
    return with_access(opened, now)


def refresh(*, refresh_token: str, organization_id: UUID | None, now: datetime) -> SignedIn:
    """Give new tokens for a refresh token; ``organization_id`` moves on to another organization of the person.

    A session that may no longer be where it is, because a provider guards that organization by now, ends.

    Raises:
        Forbidden: the person does not belong to that organization, or this session's kind of sign-in does not open
            it; the session goes on as it was.
        Unauthenticated: the refresh token does not count (any more).
    """
    with transaction.atomic():
        if organization_id is not None:
            hold_memberships(refresh_token)
        opened = sessions.use(refresh_token=refresh_token, now=now)
        if isinstance(opened, OpenSession):
            opened = in_place(opened, organization_id, now)
    if isinstance(opened, Unauthenticated):
        raise opened
    return with_access(opened, now)


def organizations_of(session: Session) -> Sequence[Member]:
    """The memberships that the session's person may enter with it, oldest first. Three queries at most.

    Of a session begun at a provider: the one it is in.
    """
    if session.method == SignInMethod.SSO:
        return [session.member] if session.member else []
    return sso_rules.sort(list(usable(session.person)), session.person, session.method).open


def begin(
    person: Person, organization_id: UUID | None, method: SignInMethod, client: Client, now: datetime
) -> OpenSession | Choice:
    refuse_inactive(person)
    doors = sso_rules.sort(held(person), person, method)
    sso_rules.refuse_closed(doors, organization_id)
    if organization_id is None and len(doors.open) > 1:
        return Choice(tuple(member.organization for member in doors.open))
    member = chosen(doors.open, organization_id, now)
    opened = sessions.open_session(person=person, member=member, method=method, client=client, now=now)
    note_glass(doors, member, method, now)
    note(opened.session)
    return opened


def refuse_inactive(person: Person) -> None:
    if not person.is_active:
        raise tokens.refused("person_inactive", person=str(person.id))


def note_glass(doors: Doors, member: Member | None, method: str, now: datetime) -> None:
    if doors.by_glass and member and member.organization_id == doors.by_glass.organization_id:
        sso_rules.note_broken_glass(doors.by_glass, member, method, now)


def note(session: Session) -> None:
    logger.info(
        "signed_in", extra={"person": str(session.person_id), "method": session.method, "session": str(session.id)}
    )


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


def in_place(opened: OpenSession, organization_id: UUID | None, now: datetime) -> OpenSession | Unauthenticated:
    """The session where it is to go on; a refusal, when it may be there no longer."""
    session = opened.session
    if organization_id not in (None, organization_of(session)):
        move(session, organization_id, now)
    elif sso_rules.is_closed(session):
        sessions.end_session(session_id=session.id, reason=sessions.SSO_REQUIRED, now=now)
        return tokens.refused(sessions.SSO_REQUIRED, session=str(session.id))
    return opened


def move(session: Session, organization_id: UUID | None, now: datetime) -> None:
    """Go on in another organization.

    The session stays, so that a second use of an earlier refresh token ends it. Access tokens name the organization:
    earlier ones end.
    """
    if session.method == SignInMethod.SSO:
        raise Forbidden("Your organization's identity provider signs you in there alone.")
    doors = sso_rules.sort(held(session.person), session.person, session.method)
    sso_rules.refuse_closed(doors, organization_id)
    session.member = chosen(doors.open, organization_id, now)
    note_glass(doors, session.member, session.method, now)
    session.save(update_fields=["member"])
    logger.info("session.moved", extra={"session": str(session.id), "organization": str(organization_id)})


def organization_of(session: Session) -> UUID | None:
    return session.member.organization_id if session.member else None


def with_access(opened: OpenSession, now: datetime) -> SignedIn:
    return SignedIn(opened.session, tokens.issue(session=opened.session, now=now), opened.refresh_token)
