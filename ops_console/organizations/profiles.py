"""What an organization knows about a member: the wire's UserProfile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True)
class Profile:
    """A member's profile; an empty text is one that is not known."""

    first_name: str = ""
    last_name: str = ""
    department: str = ""
    title: str = ""
    phone: str = ""
    location: str = ""
    employee_id: str = ""
    manager_name: str = ""
    start_date: str = ""
    # Fields of the organization's own.
    custom_attributes: Mapping[str, str] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """What the column holds: only what is known."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


CUSTOM_ATTRIBUTES = "custom_attributes"
# Those of one text each.
PROFILE_FIELDS = tuple(each.name for each in fields(Profile) if each.name != CUSTOM_ATTRIBUTES)


# Before the name of an attribute of the organization's own, where fields are named; it may be left out.
CUSTOM_PREFIX = "custom:"


def custom_name(field_name: str) -> str:
    """The attribute's own name."""
    return field_name.removeprefix(CUSTOM_PREFIX)
