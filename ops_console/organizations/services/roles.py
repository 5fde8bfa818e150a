"""The roles of an organization."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.text import slugify

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import AlreadyExists, InvalidInput, InvalidTransition
from ops_console.organizations.models import Organization, Role
from ops_console.organizations.rights import Right
from ops_console.organizations.services.checks import name_faults
from ops_console.organizations.services.guards import check_reach, lock_owner, lock_role

# They are listed all at once.
MOST_ROLES = 500
SLUG_LENGTH = 200


def create_role(
    *,
    name: str,
    rights: Collection[Right],
    actor: Actor,
    now: datetime,
    organization_id: UUID | None = None,
    reason: str = "",
) -> Role:
    """Add a role to the caller's organization, or for staff to the one named; its slug is made from its name.

    Raises:
        AlreadyExists: the organization has a role of that name.
        Forbidden: the actor may not, or lacks one of the rights.
        InvalidInput: at ``name`` or ``organization``.
        InvalidTransition: the organization has too many roles.
    """
    policy.require(actor, "roles", "create")
    name = name.strip()
    if faults := name_faults(name):
        raise InvalidInput(faults)
    with transaction.atomic():
        organization = lock_owner(actor, organization_id)
        check_reach(actor, rights)
        _refuse_taken(organization.pk, name)
        role = Role.objects.create(
            organization=organization, name=name, slug=_free_slug(organization, name), rights=_in_order(rights)
        )
        _record(role, "create", {}, _shown(role), actor=actor, reason=reason, now=now)
    return role


def update_role(
    *,
    role_id: UUID,
    actor: Actor,
    now: datetime,
    name: str | None = None,
    rights: Collection[Right] | None = None,
    reason: str = "",
) -> Role:
    """Change what is given of a role; its slug stays.

    Raises:
        AlreadyExists: the organization has another role of that name.
        Forbidden: the actor may not, or lacks a right the role holds or is to hold.
        InvalidInput: at ``name``.
        InvalidTransition: it is a system role.
        NotFound: the actor's organization has no such role.
    """
    policy.require(actor, "roles", "update")
    name = None if name is None else name.strip()
    if name is not None and (faults := name_faults(name)):
        raise InvalidInput(faults)
    with transaction.atomic():
        role = lock_role(actor, role_id)
        _refuse_system(role, "changed")
        check_reach(actor, role.rights, rights or ())
        before = _shown(role)
        if name is not None and name != role.name:
            _refuse_taken(role.organization_id, name)
            role.name = name
        role.rights = role.rights if rights is None else _in_order(rights)
        if (after := _shown(role)) != before:
            role.save(update_fields=["name", "rights"])
            _record(role, "update", before, after, actor=actor, reason=reason, now=now)
    return role


def delete_role(*, role_id: UUID, actor: Actor, now: datetime, reason: str = "") -> None:
    """Delete a role that nobody has.

    Raises:
        Forbidden: the actor may not, or lacks a right the role holds.
        InvalidTransition: it is a system role, the default role, or members have it, deactivated ones included.
        NotFound: the actor's organization has no such role.
    """
    policy.require(actor, "roles", "delete")
    with transaction.atomic():
        role = lock_role(actor, role_id)
        _refuse_system(role, "deleted")
        check_reach(actor, role.rights)
        if role.is_default:
            message = "The default role can't be deleted: who is invited without a role gets it."
            raise InvalidTransition(current="default", wanted="deleted", message=message)
        if role.members.exists():
            message = f"Members have the role {role.name}: give them another one first."
            raise InvalidTransition(current="in_use", wanted="deleted", message=message)
        _record(role, "delete", _shown(role), {}, actor=actor, reason=reason, now=now)
        role.delete()


def _refuse_system(role: Role, wanted: str) -> None:
    if role.is_system:
        message = f"{role.name} is a system role, which can't be {wanted}."
        raise InvalidTransition(current="system", wanted=wanted, message=message)


def _refuse_taken(organization_id: UUID, name: str) -> None:
    if Role.objects.filter(organization_id=organization_id, name=name).exists():
        raise AlreadyExists(f"There is a role named {name} already.")


def _free_slug(organization: Organization, name: str) -> str:
    """The name in small letters, numbered where that is taken; call with the organization locked."""
    taken = set(Role.objects.filter(organization=organization).values_list("slug", flat=True))
    if len(taken) >= MOST_ROLES:
        raise InvalidTransition(current="full", wanted="larger", message=f"There are {MOST_ROLES} roles already.")
    plain = slugify(name, allow_unicode=True).replace("-", "_")[: SLUG_LENGTH - 4] or "role"
    if plain not in taken:
        return plain
    return next(slug for number in count(2) if (slug := f"{plain}_{number}") not in taken)


def _in_order(rights: Collection[Right]) -> list[str]:
    """Each once, in the order of the enumeration."""
    return [str(right) for right in Right if right in rights]


def _shown(role: Role) -> dict[str, Any]:
    return {"name": role.name, "slug": role.slug, "rights": list(role.rights)}


def _record(
    role: Role,
    verb: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> None:
    audit.record(
        actor=actor,
        action=f"role.{verb}",
        target_type="role",
        target_id=str(role.pk),
        organization_id=role.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
