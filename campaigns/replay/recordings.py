"""Recordings for those who may watch them: listed, watched, deleted, whichever provider has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction

from campaigns.models import Campaign, Recording
from campaigns.owners import owner_of
from campaigns.periods import period
from campaigns.replay.local import LocalProvider, uuid_of
from campaigns.replay.provider import Asked, Listed, ReplayProvider, Visit
from campaigns.replay.settings import provider_of
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import InvalidInput, NotFound
from ops_console.organizations.models import Member

# Of what the audit trail names.
TARGET_LENGTH = 64


@dataclass(frozen=True)
class Found:
    """A recording, whose it is, and who keeps it."""

    visit: Visit
    organization_id: UUID
    provider: ReplayProvider


def asked_for(
    *, campaign_id: UUID | None, date_from: datetime | None, date_to: datetime | None, now: datetime
) -> Asked:
    """What is asked for. Raises: InvalidInput, as ``period``."""
    return Asked(*period(date_from, date_to, now), campaign_id)


def list_recordings(
    *, asked: Asked, following: str = "", size: int, actor: Actor, organization_id: UUID | None = None
) -> Listed:
    """A page of an organization's, each with its member's e-mail; staff name the organization.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at ``campaign_id`` or ``page_token``, or as ``owner_of``.
        NotFound: as ``owner_of``.
        UpstreamError: the provider does not answer.
    """
    policy.require(actor, "recordings", "list")
    owner = owner_of(actor, organization_id)
    if asked.campaign_id and not Campaign.objects.filter(pk=asked.campaign_id, organization=owner).exists():
        raise InvalidInput.field("campaign_id", message="There is no such campaign.", code="unknown")
    found = _provider_of(owner.pk).list(asked, following=following, size=size)
    return replace(found, visits=_with_emails(found.visits, owner.pk))


def find(*, recording_id: str, actor: Actor, organization_id: UUID | None = None) -> Visit:
    """One of an organization's, with its member's e-mail; staff name the organization of what PostHog keeps.

    Raises:
        Forbidden: the actor may not.
        NotFound: there is none of that id, or no such organization for the actor.
        UpstreamError: the provider does not answer.
    """
    policy.require(actor, "recordings", "retrieve")
    found = _found(recording_id, actor, organization_id)
    [visit] = _with_emails([found.visit], found.organization_id)
    return visit


def open_snapshots(
    *, recording_id: str, actor: Actor, now: datetime, organization_id: UUID | None = None
) -> Iterator[bytes]:
    """The events of one as JSON, in order, read as they are taken; that it is watched is put on record before.

    Raises:
        Forbidden: the actor may not.
        NotFound: there is none of that id, or no such organization for the actor.
        UpstreamError: the provider does not answer.
    """
    policy.require(actor, "recordings", "retrieve")
    found = _found(recording_id, actor, organization_id)
    events = found.provider.snapshots(found.visit.id)
    with transaction.atomic():
        _record("view", found, actor, now)
    # Whoever watches may be slow.
    _let_connection_go()
    return events


def delete_recording(
    *, recording_id: str, actor: Actor, now: datetime, organization_id: UUID | None = None, reason: str = ""
) -> None:
    """Delete one, and all that was kept of it.

    Raises:
        Forbidden: the actor may not.
        NotFound: there is none of that id, or no such organization for the actor.
        UpstreamError: the provider does not answer.
    """
    policy.require(actor, "recordings", "delete")
    found = _found(recording_id, actor, organization_id)
    if isinstance(found.provider, LocalProvider):
        with transaction.atomic():
            found.provider.delete(found.visit.id)
            _record("delete", found, actor, now, reason)
        return
    # Before: what another's server deletes is on record even where its answer is lost. No lock is held meanwhile.
    with transaction.atomic():
        _record("delete", found, actor, now, reason)
    found.provider.delete(found.visit.id)


def _found(recording_id: str, actor: Actor, organization_id: UUID | None) -> Found:
    """Raises: NotFound, UpstreamError."""
    owner_id = _owner_of(recording_id, actor, organization_id)
    provider = _provider_of(owner_id)
    return Found(provider.find(recording_id), owner_id, provider)


def _owner_of(recording_id: str, actor: Actor, organization_id: UUID | None) -> UUID:
    """The actor's organization, or the one that is named; else that of a recording kept here. Raises: NotFound."""
    if organization_id is None and actor.is_of_the_house:
        pk = uuid_of(recording_id)
        kept = Recording.objects.filter(pk=pk).first() if pk else None
        if kept is None:
            raise NotFound("There is no such recording here; of one at PostHog, name the organization.")
        return kept.organization_id
    return owner_of(actor, organization_id).pk


def _provider_of(organization_id: UUID) -> ReplayProvider:
    found = provider_of(organization_id)
    if not isinstance(found, LocalProvider):
        # Whoever is asked now may be slow.
        _let_connection_go()
    return found


def _let_connection_go() -> None:
    """Give the connection back to the pool until it is needed again, but for one in a transaction, as a test's is."""
    if not connection.in_atomic_block:
        connection.close()


def _with_emails(visits: Sequence[Visit], organization_id: UUID) -> list[Visit]:
    """With the addresses of those who are members. One query."""
    ids = [uuid_of(visit.analytics_user_id) for visit in visits]
    members = Member.objects.filter(organization=organization_id, pk__in=[each for each in ids if each])
    emails: dict[UUID | None, str] = dict(members.values_list("pk", "person__email"))
    return [replace(visit, email=emails.get(uuid_of(visit.analytics_user_id), visit.email)) for visit in visits]


def _record(action: str, found: Found, actor: Actor, now: datetime, reason: str = "") -> None:
    began = found.visit.started_at.astimezone(UTC).isoformat()
    shown = {"user": found.visit.analytics_user_id, "started_at": began}
    audit.record(
        actor=actor,
        action=f"replay.{action}",
        target_type="recording",
        target_id=found.visit.id[:TARGET_LENGTH],
        organization_id=found.organization_id,
        before=shown if action == "delete" else {},
        after=shown if action == "view" else {},
        reason=reason,
        at=now,
    )
