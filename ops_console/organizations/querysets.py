"""Reads of organizations and what is in them that have a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, TypeVar
from uuid import UUID

from django.db import models

from ops_console.errors import Conflict, NotFound
from ops_console.organizations.addresses import normal_email

if TYPE_CHECKING:
    from ops_console.access.actors import Actor
    from ops_console.organizations.models import Member, Organization, Role  # noqa: F401 - named in the bases

M = TypeVar("M", bound=models.Model)


class TenantQuerySet(models.QuerySet[M]):
    """Rows that belong to an organization, by ``tenant_field``."""

    tenant_field: ClassVar[str] = "organization"

    def visible_to(self, actor: Actor) -> Self:
        """Those there are for the actor: all for the house, else of his organization; none without one."""
        if actor.is_of_the_house:
            return self
        return self.filter(**{self.tenant_field: actor.organization_id}) if actor.organization_id else self.none()


class OrganizationQuerySet(TenantQuerySet["Organization"]):
    tenant_field = "pk"

    def for_list(self) -> Self:
        """Without workflows and mappings."""
        return self.defer("default_workflow", "sso_attribute_mappings")

    def named(self, text: str) -> Organization:
        """The organization of that id or exact name.

        Raises:
            Conflict: several bear that name.
            NotFound: none does.
        """
        found = list(self.filter(pk=UUID(text)) if is_uuid(text) else self.filter(name=text).order_by("id")[:2])
        if not found:
            raise NotFound(f"There is no organization {text}: give its id or its exact name.")
        if len(found) > 1:
            raise Conflict(f"Several organizations are named {text}: give the id.")
        return found[0]


class MemberQuerySet(TenantQuerySet["Member"]):
    def for_list(self) -> Self:
        """With person and role, and without profiles."""
        return self.select_related("person", "role").defer("profile")

    def with_person_and_role(self) -> Self:
        return self.select_related("person", "role", "organization")

    def called(self, email: str, *, organization_id: UUID) -> Member:
        """The organization's member with that address, with person and role.

        Raises:
            NotFound: there is none.
        """
        rows = self.with_person_and_role().filter(organization=organization_id, person__email=normal_email(email))
        found = rows.first()
        if found is None:
            raise NotFound(f"{email} is no member of that organization.")
        return found


class RoleQuerySet(TenantQuerySet["Role"]):
    def by_age(self) -> Self:
        """The seeded ones first, then the others in the order they were created."""
        return self.order_by("id")


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
