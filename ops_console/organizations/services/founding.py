"""Opening organizations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ops_console.access import policy
from ops_console.access.actors import Actor, ActorKind
from ops_console.audit import services as audit
from ops_console.errors import FieldError, Forbidden, InvalidInput
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.models import Member, MemberStatus, Organization, Person
from ops_console.organizations.rights import FOUNDER_ROLE
from ops_console.organizations.services.checks import company_faults, email_faults, name_faults
from ops_console.organizations.services.joining import furnish, join, person_with


@dataclass(frozen=True)
class Founded:
    """A new organization with its first administrator."""

    organization: Organization
    admin: Member


def create_organization(
    *,
    name: str,
    actor: Actor,
    now: datetime,
    admin_email: str = "",
    industry: str = "",
    company_size: str = "",
) -> Founded:
    """Open an organization, furnished, with its first ``super_admin``.

    That is the person behind the e-mail address; a known address is fine: its person is then a member of one
    organization more. A person who calls without an organization is the administrator himself, and may leave the
    address out.

    Raises:
        Forbidden: the actor may not open organizations, or is a person who has one.
        InvalidInput: at ``name``, ``admin_email``, ``industry`` or ``company_size``.
    """
    policy.require(actor, "organizations", "create")
    name, email = name.strip(), normal_email(admin_email)
    faults = name_faults(name) + _admin_faults(actor, email) + company_faults(industry, company_size)
    if faults:
        raise InvalidInput(faults)
    with transaction.atomic():
        person = _first_admin(actor, email)
        organization = Organization.objects.create(
            name=name, industry=industry, company_size=company_size, created_at=now
        )
        role = furnish(organization, now)[FOUNDER_ROLE]
        admin = join(organization=organization, person=person, role=role, now=now)
        audit.record(
            actor=actor,
            action="organization.create",
            target_type="organization",
            target_id=str(organization.id),
            organization_id=organization.id,
            after={"name": name, "admin": person.email},
            at=now,
        )
    organization.refresh_from_db(fields=["member_count"])
    return Founded(organization, admin)


def _admin_faults(actor: Actor, email: str) -> list[FieldError]:
    if actor.kind is not ActorKind.MEMBER or actor.person is None:
        return email_faults(email, "admin_email")
    # Who calls is the administrator: another address would promise what does not happen.
    if email in ("", actor.person.email):
        return []
    return [FieldError(("admin_email",), "You are the administrator yourself: leave this out, or give your address.")]


def _first_admin(actor: Actor, email: str) -> Person:
    if actor.kind is not ActorKind.MEMBER or actor.person is None:
        return person_with(email)
    # Of two calls at once the second waits here, and finds what the first has made.
    person = Person.objects.select_for_update(no_key=True).get(pk=actor.person.pk)
    if person.memberships.filter(status=MemberStatus.ACTIVE).exists():
        raise Forbidden("You have an organization already.")
    return person
