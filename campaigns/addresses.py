"""Where members live, as their profiles tell: the custom attributes address.street, address.city and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messages.drafts import Address
from ops_console.organizations.profiles import CUSTOM_ATTRIBUTES

PREFIX = "address."


def address_parts(profile: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of the address, without their first part."""
    attributes: Mapping[str, str] = profile.get(CUSTOM_ATTRIBUTES, {})
    return {name.removeprefix(PREFIX): value for name, value in attributes.items() if name.startswith(PREFIX)}


def address_of(parts: Mapping[str, str]) -> Address | None:
    """The address they make; None without city or country, for no pigeon finds it."""
    address = Address(
        street=parts.get("street", "").strip(),
        city=parts.get("city", "").strip(),
        region=parts.get("region", "").strip(),
        postal_code=parts.get("postalCode", "").strip(),
        country=parts.get("country", "").strip(),
    )
    return address if address.city and address.country else None
