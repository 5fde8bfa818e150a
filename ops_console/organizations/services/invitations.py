"""Inviting people into an organization, and their accepting it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ops_console import mail
from ops_console.access import policy
from ops_console.access.actors import LABEL_LENGTH, Actor, ActorKind
from ops_console.audit import services as audit
from ops_console.errors import AlreadyExists, InvalidInput, InvalidTransition, RateLimited
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.models import Member, MemberEvent, MemberStatus, Organization, Role
from ops_console.organizations.profiles import Profile
from ops_console.organizations.services.checks import NAME_LENGTH, email_faults, line_faults, profile_faults
from ops_console.organizations.services.guards import check_reach, lock_member, lock_owner, role_to_give
from ops_console.organizations.services.joining import join, person_with
from ops_console.organizations.services.member_states import ACTIVE, INVITED, MEMBERS

# Between two letters with the same invitation.
RESEND_AFTER = timedelta(minutes=5)
# How often one who was deactivated may be invited again within a day.
MOST_AGAIN_A_DAY = 5
DAY = timedelta(days=1)


def invite(
    *,
    email: str,
    actor: Actor,
    now: datetime,
    name: str = "",
    role_id: UUID | None = None,
    profile: Profile | None = None,
    organization_id: UUID | None = None,
) -> Member:
    """Make the person of that address an invited member and write to him.

    The role is the organization's default unless told. One who was deactivated is invited again: he gets this role,
    and keeps name and profile unless new ones are given. Staff name the organization, members need not.

    Raises:
        AlreadyExists: the person is invited or active already.
        Forbidden: the actor may not, or lacks a right of the role, or of the one that a deactivated member has.
        InvalidInput: at ``email``, ``name``, ``role_id``, ``organization`` or a field below ``profile``.
        RateLimited: a deactivated member was invited again too often.
    """
    policy.require(actor, "members", "invite")
    email = normal_email(email)
    faults = email_faults(email) + line_faults(name, "name", length=NAME_LENGTH)
    if faults := faults + (profile_faults(profile) if profile else []):
        raise InvalidInput(faults)
    with transaction.atomic():
        organization = lock_owner(actor, organization_id)
        role = role_to_give(organization, role_id)
        check_reach(actor, role.rights)
        member = _invited(organization, email, role, name, profile, actor=actor, now=now)
        _record(member, "invite", actor=actor, now=now)
        _write_to(member, actor)
    return member


def resend(*, member_id: UUID, actor: Actor, now: datetime) -> Member:
    """Write to an invited member once more.

    Raises:
        Forbidden: the actor may not, or lacks a right of the member's role.
        InvalidTransition: the member is not invited.
        NotFound: the actor's organization has no such member.
        RateLimited: the last letter is too young.
    """
    policy.require(actor, "members", "invite")
    with transaction.atomic():
        member = lock_member(actor, member_id)
        check_reach(actor, member.role.rights)
        if member.status != INVITED:
            raise InvalidTransition(current=member.status, wanted=INVITED, message="Only who is invited is written to.")
        if member.invited_at is not None:
            _refuse_before(member.invited_at + RESEND_AFTER, now)
        member.invited_at = now
        member.save(update_fields=["invited_at"])
        _record(member, "resend_invitation", actor=actor, now=now)
        _write_to(member, actor)
    return member


def accept(*, member: Member, now: datetime) -> Member:
    """Make an invited member active, because he has proved his address; an active one stays so.

    Raises:
        InvalidTransition: the member is deactivated.
    """
    actor = _himself(member)
    with transaction.atomic():
        moved = MEMBERS.move([member.pk], ACTIVE, actor=actor.label, at=now)
        member.refresh_from_db(fields=["status"])
        if moved:
            _record(member, "accept", actor=actor, now=now)
    if member.status != ACTIVE:
        raise InvalidTransition(current=member.status, wanted=ACTIVE)
    return member


def _himself(member: Member) -> Actor:
    """Who accepts: signed in a moment later, and here without any right."""
    label, organization_id = member.person.email[:LABEL_LENGTH], member.organization_id
    return Actor(ActorKind.MEMBER, label, person=member.person, organization_id=organization_id, member=member)


def _invited(
    organization: Organization,
    email: str,
    role: Role,
    name: str,
    profile: Profile | None,
    *,
    actor: Actor,
    now: datetime,
) -> Member:
    person = person_with(email)
    member = Member.objects.with_person_and_role().filter(organization=organization, person=person).first()
    if member is not None:
        return _invited_again(member, role, name, profile, actor=actor, now=now)
    return join(
        organization=organization,
        person=person,
        role=role,
        now=now,
        status=INVITED,
        name=name,
        profile=profile.stored() if profile else None,
        invited_at=now,
    )


def _invited_again(
    member: Member, role: Role, name: str, profile: Profile | None, *, actor: Actor, now: datetime
) -> Member:
    if member.status != MemberStatus.DEACTIVATED:
        raise AlreadyExists(f"{member.person.email} is {member.status} in this organization already.")
    check_reach(actor, member.role.rights)
    _refuse_too_often(member, now)
    MEMBERS.move_one(member.pk, INVITED, actor=actor.label, at=now)
    member.refresh_from_db(fields=["status"])
    member.role, member.invited_at = role, now
    member.name = name or member.name
    member.profile = profile.stored() if profile else member.profile
    member.save(update_fields=["role", "invited_at", "name", "profile"])
    return member


def _refuse_too_often(member: Member, now: datetime) -> None:
    again = MemberEvent.objects.filter(subject=member, to_status=INVITED, at__gt=now - DAY).order_by("-at")
    times = list(again.values_list("at", flat=True)[:MOST_AGAIN_A_DAY])
    if len(times) == MOST_AGAIN_A_DAY:
        _refuse_before(times[-1] + DAY, now)


def _refuse_before(earliest: datetime, now: datetime) -> None:
    if now < earliest:
        wait = earliest - now
        message = "This person was written to a moment ago."
        raise RateLimited(retry_after_s=int(wait.total_seconds()) + 1, message=message)


def _write_to(member: Member, actor: Actor) -> None:
    """Send the letter once the transaction has committed."""
    # The house invites in the organization's name.
    inviter = actor.member.person.email if actor.member else ""
    mail.send(
        to=member.person.email,
        subject=f"You are invited to {member.organization.name}",
        template="invitation",
        context={
            "organization": member.organization.name,
            "name": member.name,
            "inviter": inviter,
            "link": f"{settings.PUBLIC_URL}/signin",
        },
    )


def _record(member: Member, verb: str, *, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor,
        action=f"member.{verb}",
        target_type="member",
        target_id=str(member.pk),
        organization_id=member.organization_id,
        after={"email": member.person.email, "role": member.role.slug, "status": str(member.status)},
        at=now,
    )
