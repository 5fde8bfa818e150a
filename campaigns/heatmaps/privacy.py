"""What an organization says about its heatmaps."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from campaigns.models import HeatmapSettings
from campaigns.owners import owner_of
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import InvalidInput
from ops_console.organizations.models import Organization

# More than this are asked for by nobody.
MOST_MIN_USERS = 1000


def get_settings(*, actor: Actor, organization_id: UUID | None = None) -> HeatmapSettings:
    """The caller's organization's, saved or not; staff name one.

    Raises:
        Forbidden: the actor may not.
        InvalidInput, NotFound: as ``owner_of``.
    """
    policy.require(actor, "heatmap-settings", "retrieve")
    return of_organization(owner_of(actor, organization_id).pk)


def set_min_users(
    *, min_users: int | None, actor: Actor, now: datetime, organization_id: UUID | None = None, reason: str = ""
) -> HeatmapSettings:
    """Leave cells out that fewer people touched; None is the installation's number.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at ``min_users``, or as ``owner_of``.
        NotFound: as ``owner_of``.
    """
    policy.require(actor, "heatmap-settings", "update")
    owner = owner_of(actor, organization_id)
    if min_users is not None and not 1 <= min_users <= MOST_MIN_USERS:
        raise InvalidInput.field("min_users", message=f"This is a whole number from 1 to {MOST_MIN_USERS}.")
    with transaction.atomic():
        Organization.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)
        found = of_organization(owner.pk)
        before, found.min_users, found.updated_at = found.min_users, min_users, now
        if before != min_users:
            found.save()
            audit.record(
                actor=actor,
                action="heatmap.set_min_users",
                target_type="organization",
                target_id=str(owner.pk),
                organization_id=owner.pk,
                before={"min_users": before},
                after={"min_users": min_users},
                reason=reason,
                at=now,
            )
    return found


def of_organization(organization_id: UUID) -> HeatmapSettings:
    """What the organization says, saved or not. One query."""
    found = HeatmapSettings.objects.filter(organization=organization_id).first()
    return found or HeatmapSettings(organization_id=organization_id)
