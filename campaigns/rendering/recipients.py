"""What rendering needs to know of members."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ops_console.organizations.models import Member


@dataclass(frozen=True)
class Recipient:
    """A member's own facts, as PROFILE variables name them; ``profile`` as it is stored."""

    id: UUID
    name: str
    email: str
    profile: Mapping[str, Any]


def recipients(organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, Recipient]:
    """Those of the ids that are members of the organization, whatever their status. One query."""
    rows = Member.objects.filter(organization=organization_id, pk__in=ids)
    found = rows.values_list("pk", "name", "person__email", "profile")
    return {pk: Recipient(pk, name, email, profile) for pk, name, email, profile in found}
