"""Whose heatmaps and recordings a caller asks about."""

from __future__ import annotations

from uuid import UUID

from ops_console.access.actors import Actor
from ops_console.errors import InvalidInput, NotFound
from ops_console.organizations.models import Organization


def owner_of(actor: Actor, organization_id: UUID | None) -> Organization:
    """The caller's organization, which need not be named; the one that staff name.

    Raises:
        InvalidInput: at ``organization``: none is named.
        NotFound: there is none of that id for the actor.
    """
    wanted = organization_id or actor.organization_id
    if wanted is None:
        raise InvalidInput.field("organization", message="Give the organization's id.", code="required")
    owner = Organization.objects.for_list().visible_to(actor).filter(pk=wanted).first()
    if owner is None:
        raise NotFound("There is no such organization.")
    return owner
