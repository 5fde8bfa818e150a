"""Organizations and who belongs to them in the console."""

from __future__ import annotations

from ops_console.organizations.admin import organizations, people

__all__ = ["organizations", "people"]
