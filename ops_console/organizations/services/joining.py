"""Taking people into an organization: the one place where a Member comes into being."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db.models import F

from ops_console.organizations.models import (
    Group,
    GroupMember,
    Member,
    MemberStatus,
    Organization,
    Person,
    Role,
    Team,
)
from ops_console.organizations.rights import SEEDED_ROLES

DEFAULT_TEAM = "General"
DEFAULT_GROUP = "Everyone"


def furnish(organization: Organization, now: datetime) -> dict[str, Role]:
    """Give a new organization its roles, default team and default group; return the roles by slug."""
    roles = Role.objects.bulk_create(
        Role(
            organization=organization,
            slug=seeded.slug,
            name=seeded.name,
            rights=[str(right) for right in seeded.rights],
            is_system=seeded.is_system,
            is_default=seeded.is_default,
        )
        for seeded in SEEDED_ROLES
    )
    Team.objects.create(organization=organization, name=DEFAULT_TEAM, is_default=True, created_at=now, updated_at=now)
    Group.objects.create(organization=organization, name=DEFAULT_GROUP, is_default=True, created_at=now, updated_at=now)
    return {role.slug: role for role in roles}


def person_with(email: str) -> Person:
    """The person of that address, known or new; a new one has no password."""
    person, _ = Person.objects.get_or_create(email=email, defaults={"password": make_password(None)})
    return person


def join(
    *,
    organization: Organization,
    person: Person,
    role: Role,
    now: datetime,
    status: MemberStatus = MemberStatus.ACTIVE,
    name: str = "",
    profile: Mapping[str, object] | None = None,
    invited_at: datetime | None = None,
) -> Member:
    """Make the person a member, in the default group; call within a transaction. Locks the organization first.

    Raises:
        IntegrityError: the person is a member already.
    """
    Organization.objects.filter(pk=organization.pk).update(member_count=F("member_count") + 1)
    member = Member.objects.create(
        organization=organization,
        person=person,
        role=role,
        name=name,
        status=status,
        profile=dict(profile or {}),
        invited_at=invited_at,
        created_at=now,
    )
    default = Group.objects.filter(organization=organization, is_default=True)
    if default.update(member_count=F("member_count") + 1):
        GroupMember.objects.create(group_id=default.values_list("id", flat=True).get(), member=member, added_at=now)
    return member
