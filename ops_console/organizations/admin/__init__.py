"""Organizations and who belongs to them in the console."""

from __future__ import annotations

from ops_console.organizations.admin import members, organizations, people, roles, rosters

__all__ = ["members", "organizations", "people", "roles", "rosters"]
