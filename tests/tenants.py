"""Members of organizations, made as the services make them, and the callers they are."""

from __future__ import annotations

from uuid import uuid4

from ops_console.access.actors import Actor
from ops_console.organizations.models import Member, MemberStatus, Organization, Role
from ops_console.organizations.rights import Right
from ops_console.organizations.services.joining import join, person_with
from tests.factories import NOW, numbers


def role(of: Organization, *rights: Right) -> Role:
    """A role of its own with just these rights."""
    name = f"role{next(numbers)}"
    return Role.objects.create(organization=of, slug=name, name=name, rights=[str(right) for right in rights])


def member(of: Organization, *rights: Right, status: MemberStatus = MemberStatus.ACTIVE) -> Member:
    """Somebody new, who may do just this."""
    person = person_with(f"member{next(numbers)}@customer.example")
    return join(organization=of, person=person, role=role(of, *rights), now=NOW, status=status)


def members(of: Organization, n: int) -> list[Member]:
    """So many, all of one role."""
    shared = role(of)
    return [
        join(organization=of, person=person_with(f"member{next(numbers)}@customer.example"), role=shared, now=NOW)
        for _ in range(n)
    ]


def signed_in(who: Member) -> Actor:
    return Actor.signed_in(who.person, member=who, session_id=uuid4(), address="127.0.0.1")


def caller(of: Organization, *rights: Right) -> Actor:
    """Somebody new, signed in, who may do just this."""
    return signed_in(member(of, *rights))


def key_of(creator: Member, *rights: Right) -> Actor:
    """A key made by the member, with these rights at most."""
    return Actor.key(prefix="pidgr_k_test", key_id=uuid4(), creator=creator, rights=rights, address=None)
