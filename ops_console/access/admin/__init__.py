"""What lets callers in, and who uses the console, in the console."""

from __future__ import annotations

from ops_console.access.admin import credentials, keys, staff

__all__ = ["credentials", "keys", "staff"]
