"""What lets callers in, and who uses the console, in the console."""

from __future__ import annotations

from ops_console.access.admin import credentials, keys, sign_ins, sso_providers, staff

__all__ = ["credentials", "keys", "sign_ins", "sso_providers", "staff"]
