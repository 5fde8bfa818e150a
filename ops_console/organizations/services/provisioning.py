"""Members whom their organization's identity provider vouches for: taken in, and kept as it knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from ops_console.access.actors import LABEL_LENGTH, Actor, ActorKind
from ops_console.audit import services as audit
from ops_console.errors import FieldError, Forbidden
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.profiles import Profile
from ops_console.organizations.services import invitations
from ops_console.organizations.services.checks import MOST_ATTRIBUTES, NAME_LENGTH, profile_faults
from ops_console.organizations.services.guards import lock_organization, role_to_give
from ops_console.organizations.services.joining import join


def take_in(
    *,
    organization_id: UUID,
    person: Person,
    fields: Mapping[str, str],
    custom_attributes: Mapping[str, str],
    now: datetime,
) -> Member:
    """Make the person an active member, in the default role if he is none yet; fill his profile with what is given.

    What is not given stays. A value that no profile may hold is left out, for a provider's slip shuts nobody out. The
    name is set where there is none.

    Raises:
        Forbidden: the member is deactivated.
    """
    with transaction.atomic():
        organization = lock_organization(organization_id)
        members = Member.objects.with_person_and_role().filter(organization=organization)
        member = members.filter(person=person).first()
        if member is None:
            role = role_to_give(organization, None)
            member = join(organization=organization, person=person, role=role, now=now)
            after = {"email": person.email, "role": role.slug, "status": str(member.status)}
            _record(member, "provision", after, now)
        elif member.status == MemberStatus.DEACTIVATED:
            raise Forbidden("You are no longer a member of this organization.")
        elif member.status == MemberStatus.INVITED:
            member = invitations.accept(member=member, now=now)
        _fill(member, fields, custom_attributes, now)
    return member


def _fill(member: Member, fields: Mapping[str, str], custom_attributes: Mapping[str, str], now: datetime) -> None:
    before, name = Profile.read(member.profile), member.name
    wanted = _fitting(before, fields, custom_attributes)
    changed = sorted(each for each in vars(wanted) if getattr(before, each) != getattr(wanted, each))
    member.name = name or f"{wanted.first_name} {wanted.last_name}".strip()[:NAME_LENGTH]
    member.profile = wanted.stored()
    if member.name != name:
        changed.append("name")
    if changed:
        member.save(update_fields=["name", "profile"])
        # Which fields and not what they hold, for the trail is never purged.
        _record(member, "update_profile", {"changed": changed, "by": "identity provider"}, now)


def _fitting(before: Profile, fields: Mapping[str, str], custom_attributes: Mapping[str, str]) -> Profile:
    """The profile with every value it may hold."""
    good: dict[str, Any] = {name: text for name, text in fields.items() if not _faults_of(name, text)}
    custom = dict(before.custom_attributes)
    for name, text in custom_attributes.items():
        fits = not profile_faults(Profile(custom_attributes={name: text}))
        if fits and (name in custom or len(custom) < MOST_ATTRIBUTES):
            custom[name] = text
    return replace(before, **good, custom_attributes=custom)


def _faults_of(field: str, text: str) -> list[FieldError]:
    single: dict[str, Any] = {field: text}
    return profile_faults(Profile(**single))


def _record(member: Member, verb: str, after: Mapping[str, object], now: datetime) -> None:
    """In the name of the member himself, who signs in."""
    label = member.person.email[:LABEL_LENGTH]
    himself = Actor(
        ActorKind.MEMBER, label, person=member.person, organization_id=member.organization_id, member=member
    )
    audit.record(
        actor=himself,
        action=f"member.{verb}",
        target_type="member",
        target_id=str(member.pk),
        organization_id=member.organization_id,
        after=after,
        at=now,
    )
