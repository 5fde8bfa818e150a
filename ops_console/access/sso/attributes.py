"""What a provider says of a person, brought into the fields of a profile.

First the provider's own names (``attribute_mapping`` of the provider) give address, given and family name; then the
organization's mappings, of claims to fields, fill and overrule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops_console.organizations.profiles import PROFILE_FIELDS, custom_name

# By which a value of several is written as one text.
SEPARATOR = ", "


@dataclass(frozen=True)
class Identity:
    """Whom a provider vouches for: the address is of its domain, in small letters, and verified."""

    email: str
    given_name: str = ""
    family_name: str = ""
    # Everything it said, by its own names, each as text.
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Filled:
    """Fields of a profile that a provider knows; others are not in it."""

    fields: Mapping[str, str]
    custom_attributes: Mapping[str, str]


def texts(claims: Mapping[str, Any]) -> dict[str, str]:
    """Each claim as text: several values by comma; what is neither text nor number, nor a list of them, is left out."""
    found = {str(name): _joined(value) for name, value in claims.items()}
    return {name: text for name, text in found.items() if text}


def fill(identity: Identity, mappings: Sequence[Mapping[str, str]]) -> Filled:
    """The profile's fields, by the organization's mappings in their order."""
    known = {"first_name": identity.given_name, "last_name": identity.family_name}
    fields = {name: text for name, text in known.items() if text}
    custom: dict[str, str] = {}
    for mapping in mappings:
        text, name = identity.claims.get(mapping["idp_claim"], ""), mapping["profile_field"]
        if text and name in PROFILE_FIELDS:
            fields[name] = text
        elif text:
            custom[custom_name(name)] = text
    return Filled(fields, custom)


def _joined(value: Any) -> str:
    # Lists within lists, which may be any number deep, mean nothing.
    return SEPARATOR.join(filter(None, map(_text, value))) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return ""
