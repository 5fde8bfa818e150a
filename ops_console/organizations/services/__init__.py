"""Everything that writes organizations, their members, roles, teams and groups."""

from __future__ import annotations

from ops_console.organizations.services.founding import Founded, create_organization, set_rate

__all__ = ["Founded", "create_organization", "set_rate"]
