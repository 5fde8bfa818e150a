"""What is done with members: reading one, another role, deactivation, profile and settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.access.services import api_keys, sessions
from ops_console.audit import services as audit
from ops_console.errors import Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.models import Member, Theme
from ops_console.organizations.profiles import Profile
from ops_console.organizations.rights import FOUNDER_ROLE, Right
from ops_console.organizations.services.checks import profile_faults
from ops_console.organizations.services.guards import check_reach, lock_member, role_to_give
from ops_console.organizations.services.member_states import ACTIVE, DEACTIVATED, MEMBERS


def get_member(*, member_id: UUID | None, actor: Actor) -> Member:
    """Return a member with person and role; without an id the caller, who needs no right for that. One query.

    Raises:
        Forbidden: the actor may not read others.
        NotFound: the actor's organization has no such member.
    """
    policy.require(actor, "members", "retrieve")
    if member_id is not None and actor.member is not None and not policy.has_any(actor, Right.MEMBERS_READ):
        raise Forbidden()
    wanted = member_id or _own(actor).pk
    member = Member.objects.visible_to(actor).with_person_and_role().filter(pk=wanted).first()
    if member is None:
        raise NotFound("There is no such member.")
    return member


def change_role(*, member_id: UUID, role_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Member:
    """Give a member another role of the organization, at any status; the same role again changes nothing.

    Raises:
        Forbidden: the actor may not, or lacks a right of the old or the new role.
        InvalidInput: at ``role_id``: the organization has no such role.
        InvalidTransition: nobody else is super_admin.
        NotFound: the actor's organization has no such member.
    """
    policy.require(actor, "members", "set_role")
    with transaction.atomic():
        member = lock_member(actor, member_id)
        role, old = role_to_give(member.organization, role_id), member.role
        check_reach(actor, old.rights, role.rights)
        if role == old:
            return member
        _keep_a_founder(member, "demoted")
        member.role = role
        member.save(update_fields=["role"])
        _record(member, "set_role", {"role": old.slug}, {"role": role.slug}, actor=actor, reason=reason, now=now)
    return member


def deactivate(*, member_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Member:
    """End a membership, or take back an invitation: with it end the member's sessions and API keys.

    Raises:
        Forbidden: the actor may not, or lacks a right of the member's role.
        InvalidTransition: the member is deactivated, or nobody else is super_admin.
        NotFound: the actor's organization has no such member.
    """
    policy.require(actor, "members", "deactivate")
    with transaction.atomic():
        member = lock_member(actor, member_id)
        check_reach(actor, member.role.rights)
        _keep_a_founder(member, "deactivated")
        old = MEMBERS.move_one(member.pk, DEACTIVATED, actor=actor.label, reason=reason, at=now)
        member.refresh_from_db(fields=["status"])
        sessions.end_sessions_of_member(member_id=member.pk, reason=sessions.DEACTIVATED, now=now)
        api_keys.revoke_keys_of(member_id=member.pk, actor=actor, now=now)
        after = {"status": str(DEACTIVATED)}
        _record(member, "deactivate", {"status": old}, after, actor=actor, reason=reason, now=now)
    return member


def update_profile(*, member_id: UUID | None, profile: Profile, actor: Actor, now: datetime) -> Member:
    """Replace a member's whole profile; without an id, or with his own, the caller's, who needs no right for that.

    The audit trail names the fields that changed and not their values, for it is never purged.

    Raises:
        Forbidden: the actor may not change others, or lacks a right of the member's role.
        InvalidInput: at a field below ``profile``.
        NotFound: the actor's organization has no such member.
    """
    policy.require(actor, "members", "update_profile")
    wanted = member_id or _own(actor).pk
    is_own = actor.member is not None and actor.member.pk == wanted
    if not is_own and actor.member is not None and not policy.has_any(actor, Right.MEMBERS_MANAGE):
        raise Forbidden()
    if faults := profile_faults(profile):
        raise InvalidInput(faults)
    with transaction.atomic():
        member = lock_member(actor, wanted)
        if not is_own:
            check_reach(actor, member.role.rights)
        before, member.profile = member.profile, profile.stored()
        changed = sorted(
            name for name in before.keys() | member.profile.keys() if before.get(name) != member.profile.get(name)
        )
        if changed:
            member.save(update_fields=["profile"])
            _record(member, "update_profile", {}, {"changed": changed}, actor=actor, now=now)
    return member


def update_settings(*, theme: Theme, actor: Actor, now: datetime) -> Member:
    """Replace the caller's settings.

    Raises:
        Forbidden: the actor is nobody who signed in to an organization.
    """
    policy.require(actor, "settings", "update")
    with transaction.atomic():
        member = lock_member(actor, _own(actor).pk)
        before = member.theme
        if theme != before:
            member.theme = theme
            member.save(update_fields=["theme"])
            _record(member, "update_settings", {"theme": before}, {"theme": str(theme)}, actor=actor, now=now)
    return member


def get_settings(*, actor: Actor) -> Theme:
    """Return the caller's theme.

    Raises:
        Forbidden: the actor is nobody who signed in to an organization.
    """
    policy.require(actor, "settings", "retrieve")
    return Theme(_own(actor).theme)


def _own(actor: Actor) -> Member:
    """The caller as a member; commands and staff are none."""
    if actor.member is None:
        raise Forbidden()
    return actor.member


def _keep_a_founder(member: Member, wanted: str) -> None:
    """Refuse to lose the last active super_admin, without whom nobody could give rights any more."""
    if member.role.slug != FOUNDER_ROLE or member.status != ACTIVE:
        return
    others = Member.objects.filter(role_id=member.role_id, status=ACTIVE).exclude(pk=member.pk)
    if not others.exists():
        raise InvalidTransition(
            current="last_super_admin",
            wanted=wanted,
            message=f"The last member who is super_admin can't be {wanted}: make somebody else super_admin first.",
        )


def _record(
    member: Member,
    verb: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    audit.record(
        actor=actor,
        action=f"member.{verb}",
        target_type="member",
        target_id=str(member.pk),
        organization_id=member.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
