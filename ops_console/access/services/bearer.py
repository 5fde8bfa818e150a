"""Who gives a bearer credential: an access token, an organization's key or a service's, checked on every request.

Nothing is remembered between requests but that a token's signature is good, so what is revoked, ended or taken away
counts at once in every process.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from ops_console.access import rate_limits
from ops_console.access.actors import Actor
from ops_console.access.key_texts import KeyKind, digest_of, kind_of
from ops_console.access.models import ApiKey, ServiceKey, Session
from ops_console.access.services import tokens
from ops_console.errors import Unauthenticated
from ops_console.organizations.models import Member, MemberStatus, Organization, Person, Role
from ops_console.readers import RowReader, one_row

log = logging.getLogger(__name__)
USED_EVERY = timedelta(minutes=1)


def authenticate(*, authorization: str, address: str | None, now: datetime) -> Actor:
    """The caller behind an Authorization header. One query; at most once a minute a key's second notes its use.

    The member comes with person, role and organization, all without their JSON columns. Why a credential is refused
    is logged and not told. Each refusal is counted against the address; a missing credential is none.

    Raises:
        RateLimited: the address was refused too often within a minute.
        Unauthenticated: no good credential.
    """
    if not authorization:
        raise Unauthenticated("Give an access token or a key, as Authorization: Bearer.")
    try:
        return _recognize(authorization, address, now)
    except Unauthenticated:
        rate_limits.count_failed_authentication(address)
        raise


def _recognize(authorization: str, address: str | None, now: datetime) -> Actor:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer" or not text.isascii():
        raise _refused("malformed")
    text = text.strip()
    if not text.startswith(tuple(KeyKind)):
        return _of_token(text, address, now)
    match kind_of(text):
        case KeyKind.ORGANIZATION:
            return _of_api_key(text, address, now)
        case KeyKind.SERVICE:
            return _of_service_key(text, address, now)
    raise _refused("malformed_key")


def _refused(reason: str, **seen: object) -> Unauthenticated:
    log.info("bearer.refused", extra={"reason": reason, **seen})
    return Unauthenticated()


# --- Access tokens -------------------------------------------------------------------------------------------------


def _of_token(text: str, address: str | None, now: datetime) -> Actor:
    claims = tokens.verify(text, now=now)
    row = one_row(SESSION, [claims.session_id])
    if row is None:
        raise _refused("session_unknown", session=claims.session_id)
    session, person = SESSIONS.read(row), PEOPLE.read(row, len(SESSIONS.names))
    member = _member(row, len(SESSIONS.names), person) if claims.organization_id else None
    named = (claims.person_id, claims.organization_id)
    if named != (session.person_id, member and member.organization_id):
        raise _refused("session_of_another", session=session.pk)
    if session.ended_at is not None or session.expires_at <= now:
        raise _refused("session_ended" if session.ended_at else "session_expired", session=session.pk)
    _refuse_inactive(person, member)
    return Actor.signed_in(person, member=member, session_id=session.pk, address=address)


# --- Keys ----------------------------------------------------------------------------------------------------------


def _of_api_key(text: str, address: str | None, now: datetime) -> Actor:
    row = one_row(API_KEY, [digest_of(text)])
    if row is None:
        raise _refused("key_unknown")
    key = API_KEYS.read(row)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise _refused("key_revoked" if key.revoked_at else "key_expired", key=key.key_prefix)
    person = PEOPLE.read(row, len(API_KEYS.names))
    creator = _member(row, len(API_KEYS.names), person)
    assert creator is not None
    _refuse_inactive(person, creator)
    _note_use(key, now)
    return Actor.key(prefix=key.key_prefix, key_id=key.pk, creator=creator, rights=key.rights, address=address)


def _of_service_key(text: str, address: str | None, now: datetime) -> Actor:
    row = one_row(SERVICE_KEY, [digest_of(text)])
    if row is None:
        raise _refused("key_unknown")
    key = SERVICE_KEYS.read(row)
    if key.revoked_at is not None:
        raise _refused("key_revoked", key=key.key_prefix)
    _note_use(key, now)
    return Actor.service(prefix=key.key_prefix, key_id=key.pk, scope=key.scope, address=address)


def _note_use(key: ApiKey | ServiceKey, now: datetime) -> None:
    stale = now - USED_EVERY
    if key.last_used_at is None or key.last_used_at <= stale:
        # Of many requests at once, one writes.
        unnoted = type(key).objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=stale), pk=key.pk)
        unnoted.update(last_used_at=now)


# --- Members -------------------------------------------------------------------------------------------------------


def _refuse_inactive(person: Person, member: Member | None) -> None:
    if not person.is_active:
        raise _refused("person_inactive", person=person.pk)
    if member is not None and member.status != MemberStatus.ACTIVE:
        raise _refused(f"member_{member.status}", member=member.pk)


def _member(row: Sequence[Any], start: int, person: Person) -> Member | None:
    """The person's member with role and organization; the person's columns begin at ``start``."""
    at_member = start + len(PEOPLE.names)
    at_role = at_member + len(MEMBERS.names)
    if row[at_member] is None:
        return None
    member = MEMBERS.read(row, at_member)
    member.person, member.role = person, ROLES.read(row, at_role)
    member.organization = ORGANIZATIONS.read(row, at_role + len(ROLES.names))
    return member


SESSIONS = RowReader(Session, "id", "person", "member", "expires_at", "ended_at")
API_KEYS = RowReader(ApiKey, "id", "key_prefix", "rights", "expires_at", "last_used_at", "revoked_at")
SERVICE_KEYS = RowReader(ServiceKey, "id", "key_prefix", "scope", "last_used_at", "revoked_at")
PEOPLE = RowReader(Person, "id", "email", "is_active", "is_staff", "is_superuser")
MEMBERS = RowReader(Member, "id", "organization", "person", "role", "name", "status", "theme", "created_at")
ROLES = RowReader(Role)
ORGANIZATIONS = RowReader(Organization, "id", "name", "member_count", "rate_per_s", "rate_burst", "created_at")
WHO = ", ".join((PEOPLE.columns("p"), MEMBERS.columns("m"), ROLES.columns("r"), ORGANIZATIONS.columns("o")))
SESSION = """
SELECT {}, {} FROM access_session s
JOIN organizations_person p ON p.id = s.person_id
LEFT JOIN organizations_member m ON m.id = s.member_id
LEFT JOIN organizations_role r ON r.id = m.role_id
LEFT JOIN organizations_organization o ON o.id = m.organization_id
WHERE s.id = %s
""".format(SESSIONS.columns("s"), WHO)
API_KEY = """
SELECT {}, {} FROM access_apikey k
JOIN organizations_member m ON m.id = k.creator_id
JOIN organizations_person p ON p.id = m.person_id
JOIN organizations_role r ON r.id = m.role_id
JOIN organizations_organization o ON o.id = m.organization_id
WHERE k.key_digest = %s
""".format(API_KEYS.columns("k"), WHO)
SERVICE_KEY = """
SELECT {} FROM access_servicekey k WHERE k.key_digest = %s
""".format(SERVICE_KEYS.columns("k"))
