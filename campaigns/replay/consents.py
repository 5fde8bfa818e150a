"""What members agree to: that their touches are kept, and that their visits are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from campaigns.models import Consent, ReplayProviderName, ReplaySettings
from campaigns.replay.settings import of_organization
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import Conflict, Forbidden
from ops_console.organizations.models import Member


class NoConsent(Conflict):
    """Your visits are not recorded: you have not agreed to it, or it is not offered."""

    code = "no_consent"


@dataclass(frozen=True)
class Agreed:
    """What a member said, None where he was never asked, and how his organization records."""

    touches: bool | None
    recording: bool | None
    is_recording_offered: bool
    is_text_masked: bool


def get_consents(*, actor: Actor) -> Agreed:
    """The caller's. Two queries.

    Raises:
        Forbidden: the actor is no person in an organization.
    """
    return _of(_member(actor))


def set_consents(*, touches: bool | None = None, recording: bool | None = None, actor: Actor, now: datetime) -> Agreed:
    """Keep the caller's word, from now on; None leaves what he said before.

    Raises:
        Forbidden: the actor is no person in an organization.
    """
    member = _member(actor)
    said = {"touches": touches, "recording": recording}
    new = {name: value for name, value in said.items() if value is not None}
    with transaction.atomic():
        found, _ = Consent.objects.select_for_update().get_or_create(member=member)
        changed = [name for name, value in new.items() if getattr(found, name) is not value]
        for name in changed:
            setattr(found, name, new[name])
            setattr(found, f"{name}_at", now)
        if changed:
            found.save(update_fields=[column for name in changed for column in (name, f"{name}_at")])
            _record(member, {name: new[name] for name in changed}, actor, now)
    return _of(member)


def refuse_unrecorded(member_id: UUID, organization_id: UUID) -> None:
    """Let only those pass who agreed to what is offered; until the transaction ends, they cannot take it back.

    Raises:
        NoConsent: the member did not agree, or took it back, or his organization does not record here.
    """
    agreed = Consent.objects.select_for_update(no_key=True).filter(member=member_id, recording=True).exists()
    if not (agreed and is_offered(organization_id)):
        raise NoConsent()


def is_offered(organization_id: UUID) -> bool:
    """Whether the organization's members may be recorded by this installation. One query."""
    return _is_offered(of_organization(organization_id))


def _is_offered(settings: ReplaySettings) -> bool:
    return settings.is_offered and settings.provider == ReplayProviderName.LOCAL


def _member(actor: Actor) -> Member:
    policy.require(actor, "consents", "own")
    if actor.member is None:
        raise Forbidden()
    return actor.member


def _record(member: Member, said: dict[str, bool], actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor,
        action="consent.set",
        target_type="member",
        target_id=str(member.pk),
        organization_id=member.organization_id,
        after=said,
        at=now,
    )


def _of(member: Member) -> Agreed:
    said = Consent.objects.filter(member=member).first() or Consent(member=member)
    settings = of_organization(member.organization_id)
    return Agreed(said.touches, said.recording, _is_offered(settings), settings.masks_text)
