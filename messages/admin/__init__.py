"""Messages in the console, and what they add to the pages of couriers, accounts and refunds."""

from __future__ import annotations

from messages.admin import additions, pages

__all__ = ["additions", "pages"]
