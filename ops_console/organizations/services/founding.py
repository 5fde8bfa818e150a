"""Opening organizations, and what staff set on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput, NotFound
from ops_console.organizations.models import Member, Organization
from ops_console.organizations.rights import FOUNDER_ROLE
from ops_console.organizations.services.checks import email_faults, name_faults
from ops_console.organizations.services.joining import furnish, join, person_with

__all__ = ["Founded", "create_organization", "email_faults", "name_faults", "set_rate"]

LARGEST_RATE = 1_000_000


@dataclass(frozen=True)
class Founded:
    """A new organization with its first administrator."""

    organization: Organization
    admin: Member


def create_organization(*, name: str, admin_email: str, actor: Actor, now: datetime) -> Founded:
    """Open an organization, furnished; the person behind the e-mail address becomes ``super_admin``.

    A known address is fine: its person is then a member of one organization more.

    Raises:
        Forbidden: the actor may not open organizations.
        InvalidInput: at ``name`` or ``admin_email``.
    """
    policy.require(actor, "organizations", "create")
    name, email = name.strip(), admin_email.strip().lower()
    faults = name_faults(name) + email_faults(email, "admin_email")
    if faults:
        raise InvalidInput(faults)
    with transaction.atomic():
        organization = Organization.objects.create(name=name, created_at=now)
        role = furnish(organization, now)[FOUNDER_ROLE]
        admin = join(organization=organization, person=person_with(email), role=role, now=now)
        audit.record(
            actor=actor,
            action="organization.create",
            target_type="organization",
            target_id=str(organization.id),
            organization_id=organization.id,
            after={"name": name, "admin": email},
            at=now,
        )
    return Founded(organization, admin)


def set_rate(
    *,
    organization_id: UUID,
    rate_per_s: int | None,
    rate_burst: int | None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Organization:
    """Set how many requests a second, and at once, an organization may make; None is the installation's default.

    Raises:
        Forbidden: the actor may not set rates.
        InvalidInput: at ``rate_per_s`` or ``rate_burst``.
        NotFound: there is no such organization.
    """
    policy.require(actor, "organizations", "set_rate")
    wanted = {"rate_per_s": rate_per_s, "rate_burst": rate_burst}
    faults = [
        FieldError((field,), f"A rate is 1 to {LARGEST_RATE}.")
        for field, value in wanted.items()
        if value is not None and not 1 <= value <= LARGEST_RATE
    ]
    if faults:
        raise InvalidInput(faults)
    with transaction.atomic():
        organization = Organization.objects.select_for_update().filter(pk=organization_id).first()
        if organization is None:
            raise NotFound("There is no such organization.")
        before = {"rate_per_s": organization.rate_per_s, "rate_burst": organization.rate_burst}
        organization.rate_per_s, organization.rate_burst = rate_per_s, rate_burst
        organization.save(update_fields=["rate_per_s", "rate_burst"])
        audit.record(
            actor=actor,
            action="organization.set_rate",
            target_type="organization",
            target_id=str(organization.id),
            organization_id=organization.id,
            before=before,
            after=wanted,
            reason=reason,
            at=now,
        )
    return organization
