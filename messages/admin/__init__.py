"""Messages and address books in the console, and what they add to the pages of couriers, accounts and refunds."""

from __future__ import annotations

from messages.admin import additions, address_book, pages

__all__ = ["additions", "address_book", "pages"]
