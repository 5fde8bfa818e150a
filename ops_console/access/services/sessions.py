"""Sessions: opened by a sign-in, kept alive by refresh tokens, ended by sign-out, deactivation or a reused token.

A refresh token is good once (RFC 9700, 4.14.2): its use gives the next one. A second use means that two parties hold
it, and ends the session; save for moments after the first, when its answer may have been lost with a page that was
left (``docs/decisions/refresh-again.md``). Tabs of one browser take turns (``session.js``).
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from ops_console.access import policy
from ops_console.access.actors import SYSTEM, Actor
from ops_console.access.models import RefreshToken, Session, SignInMethod, SsoProvider
from ops_console.access.services.tokens import refused
from ops_console.audit import services as audit
from ops_console.errors import NotFound, Unauthenticated
from ops_console.organizations.models import Member, MemberStatus, Person

logger = logging.getLogger(__name__)

PREFIX = "pidgr_r_"
CLIENT_LENGTH = 200
# How long after its use a token gets another answer, should the first have been lost.
GRACE = timedelta(seconds=30)
SIGNED_OUT, REUSED, DEACTIVATED, BY_STAFF = "signed_out", "token_reused", "deactivated", "ended_by_staff"
# A code or passkey began it, and a provider guards its organization by now; or its own provider is gone.
SSO_REQUIRED, PROVIDER_GONE = "sso_required", "provider_gone"
PURGE_BATCH = 10_000


@dataclass(frozen=True)
class OpenSession:
    """A session with its newest refresh token, which is in nobody's hands but the caller's."""

    session: Session
    refresh_token: str


@dataclass(frozen=True)
class Client:
    """Where a sign-in comes from: the address, and what the program calls itself."""

    address: str | None = None
    name: str = ""


def open_session(
    *,
    person: Person,
    member: Member | None,
    method: SignInMethod,
    client: Client,
    now: datetime,
    provider: SsoProvider | None = None,
    not_after: datetime | None = None,
) -> OpenSession:
    """Begin a session of a person, in an organization or in none; ``provider``: which vouched for him, and until when
    (``not_after``) at the latest.
    """
    with transaction.atomic():
        session = Session.objects.create(
            person=person,
            member=member,
            method=method,
            sso_provider=provider,
            address=client.address or None,
            client="".join(filter(str.isprintable, client.name))[:CLIENT_LENGTH],
            created_at=now,
            expires_at=end_of(now, not_after),
            not_after=not_after,
        )
        return OpenSession(session, new_token(session, now))


def use(*, refresh_token: str, now: datetime) -> OpenSession | Unauthenticated:
    """Take a refresh token, keep its session alive and give the next one; call within a transaction.

    Used again at once, it gives another next one: of all it gave, whichever is used first counts, and the others
    betray whoever uses them.

    A refusal is returned, to be raised after the commit: the session that a reused token ends must stay ended.
    """
    token = find_locked(refresh_token)
    if token is None:
        return refused("unknown_refresh_token")
    session = token.session
    if reason := why_over(session, now):
        return refused(reason, session=str(session.id))
    if token.used_at is None:
        take(token, now)
    elif is_answer_lost(token, now):
        logger.info("session.token_repeated", extra={"session": str(session.id), "person": str(session.person_id)})
    else:
        note_reuse(session, now)
        return refused(REUSED, session=str(session.id))
    session.expires_at = end_of(now, session.not_after)
    session.save(update_fields=["expires_at"])
    return OpenSession(session, new_token(session, now))


def find(*, refresh_token: str, now: datetime) -> Session | None:
    """The live session a refresh token belongs to, without using the token. One query."""
    token = tokens().filter(token_digest=digest(refresh_token)).first()
    return token.session if token and why_over(token.session, now) is None else None


def end_session(*, session_id: UUID, reason: str, now: datetime) -> bool:
    """End a session; false when it is over already."""
    return bool(Session.objects.filter(pk=session_id, ended_at=None).update(ended_at=now, ended_for=reason))


def sign_out(*, refresh_token: str, now: datetime) -> bool:
    """End the session of a refresh token, used or not; false when there is none that lives."""
    session_id = tokens().filter(token_digest=digest(refresh_token)).values_list("session_id", flat=True).first()
    return session_id is not None and end_session(session_id=session_id, reason=SIGNED_OUT, now=now)


def end_sessions_of_member(*, member_id: UUID, reason: str, now: datetime) -> int:
    """End every session in which the member is signed in to the organization; return how many."""
    return Session.objects.filter(member_id=member_id, ended_at=None).update(ended_at=now, ended_for=reason)


def end_sessions_of_provider(*, provider_id: UUID, now: datetime) -> int:
    """End every session for which the provider vouched; return how many. Call it with the provider locked."""
    begun = Session.objects.filter(sso_provider_id=provider_id, ended_at=None)
    return begun.update(ended_at=now, ended_for=PROVIDER_GONE)


def end_sessions_of_person(*, person_id: UUID, actor: Actor, now: datetime, reason: str = "") -> int:
    """End every session of a person, in all organizations and in the console; return how many had tokens.

    API keys and passkeys stay.

    Raises:
        Forbidden: the actor may not.
        NotFound: there is no such person.
    """
    policy.require(actor, "people", "end_sessions")
    with transaction.atomic():
        person = Person.objects.select_for_update(no_key=True).filter(pk=person_id).first()
        if person is None:
            raise NotFound("There is no such person.")
        n_ended = Session.objects.filter(person=person, ended_at=None).update(ended_at=now, ended_for=BY_STAFF)
        person.sessions_ended_at = now
        person.save(update_fields=["sessions_ended_at"])
        audit.record(
            actor=actor,
            action="person.end_sessions",
            target_type="person",
            target_id=str(person.id),
            organization_id=None,
            after={"ended": n_ended},
            reason=reason,
            at=now,
        )
    return n_ended


def purge(*, now: datetime) -> int:
    """Delete one batch of sessions and used tokens whose time has long passed; return how many rows went.

    Used tokens are kept for a session's length, so that their reuse is seen.
    """
    old = end_of(now) - 2 * timedelta(days=settings.SESSION_DAYS)
    over = Session.objects.filter(expires_at__lte=old).order_by("expires_at").values("pk")
    n_deleted = Session.objects.filter(pk__in=over[:PURGE_BATCH]).delete()[0]
    used = RefreshToken.objects.filter(used_at__lte=old).order_by("used_at").values("pk")
    return n_deleted + RefreshToken.objects.filter(pk__in=used[:PURGE_BATCH]).delete()[0]


def tokens() -> QuerySet[RefreshToken]:
    return RefreshToken.objects.select_related(
        "session__person", "session__member__organization", "session__member__role"
    )


def find_locked(refresh_token: str) -> RefreshToken | None:
    """The token, with its session locked, so that two uses of one chain follow each other."""
    session_id = tokens().filter(token_digest=digest(refresh_token)).values_list("session_id", flat=True).first()
    if session_id is None:
        return None
    Session.objects.select_for_update().get(pk=session_id)
    return tokens().get(token_digest=digest(refresh_token))


def why_over(session: Session, now: datetime) -> str | None:
    if session.ended_at is not None:
        return "session_ended"
    if session.expires_at <= now:
        return "session_expired"
    if not session.person.is_active:
        return "person_inactive"
    if session.member is not None and session.member.status == MemberStatus.DEACTIVATED:
        return "member_deactivated"
    if session.method == SignInMethod.SSO and session.sso_provider_id is None:
        return PROVIDER_GONE
    return None


def take(token: RefreshToken, now: datetime) -> None:
    """Use it; those that were given beside it are void."""
    is_another = ExpressionWrapper(~Q(pk=token.pk), output_field=BooleanField())
    RefreshToken.objects.filter(session=token.session_id, used_at=None).update(used_at=now, is_void=is_another)


def is_answer_lost(token: RefreshToken, now: datetime) -> bool:
    """Whether a used token may be used again: it was used a moment ago, and nothing it gave has been."""
    if token.is_void or token.used_at is None or now - token.used_at >= GRACE:
        return False
    later = RefreshToken.objects.filter(session=token.session_id, id__gt=token.id, is_void=False)
    return not later.filter(used_at__isnull=False).exists()


def note_reuse(session: Session, now: datetime) -> None:
    end_session(session_id=session.id, reason=REUSED, now=now)
    logger.warning("session.token_reused", extra={"session": str(session.id), "person": str(session.person_id)})
    audit.record(
        actor=SYSTEM,
        action="session.token_reused",
        target_type="session",
        target_id=str(session.id),
        organization_id=session.member.organization_id if session.member else None,
        after={"person": session.person.email, "ended_at": now},
        at=now,
    )


def new_token(session: Session, now: datetime) -> str:
    text = PREFIX + secrets.token_urlsafe(32)
    RefreshToken.objects.create(session=session, token_digest=digest(text), created_at=now)
    return text


def digest(text: str) -> bytes:
    # A plain hash will do: the token is 256 random bits, which nobody guesses.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def end_of(now: datetime, not_after: datetime | None = None) -> datetime:
    """When a session is over that is used now and never again."""
    end = now + timedelta(days=settings.SESSION_DAYS)
    return min(end, not_after) if not_after else end
