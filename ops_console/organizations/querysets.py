"""Reads of organizations that have a name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models

from ops_console.errors import Conflict, NotFound

if TYPE_CHECKING:
    from ops_console.organizations.models import Organization


class OrganizationQuerySet(models.QuerySet["Organization"]):
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


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
