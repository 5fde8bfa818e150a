"""What lets callers in, and who uses the console, in the console."""

from __future__ import annotations

from ops_console.access.admin import credentials, keys, sso_providers, staff

__all__ = ["credentials", "keys", "sso_providers", "staff"]
