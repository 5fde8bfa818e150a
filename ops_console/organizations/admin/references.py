"""What staff name in a form: organizations and roles."""

from __future__ import annotations

from uuid import UUID

from ops_console.errors import Conflict, InvalidInput, NotFound
from ops_console.organizations.models import Organization, Role


def named_organization(text: str) -> Organization:
    """The organization of that id or exact name; a fault of the form's field when there is none."""
    try:
        return Organization.objects.named(text.strip())
    except (Conflict, NotFound) as error:
        raise InvalidInput.field("organization", message=error.message) from error


def named_role(organization_id: UUID, slug: str) -> UUID | None:
    """The id of the organization's role of that slug, None where none is named; a fault of the form's field."""
    if not slug.strip():
        return None
    role = Role.objects.filter(organization=organization_id, slug=slug.strip()).first()
    if role is None:
        raise InvalidInput.field("role", message=f"The organization has no role {slug}.")
    return role.pk
