"""What every change of members and roles asks: that nothing else changes them now, and that the actor reaches them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from ops_console.access.actors import Actor
from ops_console.errors import Forbidden, InvalidInput, NotFound
from ops_console.organizations.models import Member, Organization, Role


def lock_organization(organization_id: UUID) -> Organization:
    """Hold the organization until the transaction ends: its members and roles are changed one after the other.

    Taken before any other lock, so that no two changes wait in a circle. Rows that refer to it may still be added.
    """
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def lock_owner(actor: Actor, organization_id: UUID | None) -> Organization:
    """Lock the organization the actor makes something in: his own, which he need not name; staff name one.

    Raises:
        InvalidInput: at ``organization``.
    """
    wanted = organization_id or actor.organization_id
    if wanted is None or not Organization.objects.visible_to(actor).filter(pk=wanted).exists():
        raise InvalidInput.field("organization", message="There is no such organization.", code="unknown")
    return lock_organization(wanted)


def lock_member(actor: Actor, member_id: UUID) -> Member:
    """Lock the organization of a member; return the member with person, role and organization.

    Raises:
        NotFound: the actor's organization has no such member.
    """
    found = Member.objects.visible_to(actor).filter(pk=member_id).only("organization_id").first()
    if found is None:
        raise NotFound("There is no such member.")
    lock_organization(found.organization_id)
    return Member.objects.with_person_and_role().get(pk=member_id)


def lock_role(actor: Actor, role_id: UUID) -> Role:
    """Lock the organization of a role; return the role.

    Raises:
        NotFound: the actor's organization has no such role.
    """
    found = Role.objects.visible_to(actor).filter(pk=role_id).only("organization_id").first()
    if found is not None:
        lock_organization(found.organization_id)
        # Again, for it may have been deleted meanwhile.
        found = Role.objects.filter(pk=role_id).first()
    if found is None:
        raise NotFound("There is no such role.")
    return found


def role_to_give(organization: Organization, role_id: UUID | None) -> Role:
    """The role named, or the organization's default role; call with the organization locked.

    Raises:
        InvalidInput: at ``role_id``: the organization has no such role.
    """
    roles = Role.objects.filter(organization=organization)
    if role_id is None:
        return roles.get(is_default=True)
    role = roles.filter(pk=role_id).first()
    if role is None:
        raise InvalidInput.field("role_id", message="There is no such role.", code="unknown")
    return role


def check_reach(actor: Actor, *holdings: Iterable[str]) -> None:
    """Members, and keys, neither give nor touch what they do not hold. The house is bound by its own permissions.

    Raises:
        Forbidden: one of the rights is not the actor's.
    """
    if actor.member is None:
        return
    missing = {right for rights in holdings for right in rights} - actor.rights
    if missing:
        raise Forbidden(f"You do not hold {', '.join(sorted(missing))} yourself.")
