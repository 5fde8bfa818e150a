"""What stands in the addresses of heatmaps and recordings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from ops_console.access.actors import Actor
from ops_console.errors import FieldError, InvalidInput
from ops_console.rest.fields import InstantField, parse_instant
from ops_console.rest.problems import InvalidParameter

ORGANIZATION = OpenApiParameter(
    "organization", UUID, description="Whose. Staff must say it; for others it is their own organization."
)


def id_in(given: QueryDict, name: str) -> UUID | None:
    """Raises: InvalidParameter."""
    text = given.get(name)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidParameter.named(name, "This must be a UUID.") from None


def owner_in(given: QueryDict, actor: Actor) -> UUID:
    """The organization that is named, else the caller's own. Raises: InvalidParameter."""
    found = id_in(given, "organization") or actor.organization_id
    if found is None:
        raise InvalidParameter.named("organization", "Give the organization's id.", "required")
    return found


def instant_in(given: QueryDict, name: str) -> datetime | None:
    """Raises: InvalidParameter."""
    text = given.get(name)
    if not text:
        return None
    # A plus sign that was not escaped.
    instant = parse_instant(text.replace(" ", "+"))
    if instant is None or instant.tzinfo is None:
        raise InvalidParameter.named(name, str(InstantField.default_error_messages["no_zone"]))
    return instant


def number_in(given: QueryDict, name: str) -> float:
    """Zero where there is none. Raises: InvalidParameter."""
    text = given.get(name)
    try:
        return float(text) if text else 0.0
    except ValueError:
        raise InvalidParameter.named(name, "This must be a number.") from None


def of_parameters(error: InvalidInput, names: Mapping[str, str]) -> InvalidInput:
    """A service's complaint about what stands in the address; ``names``: the address's names of the service's."""
    if isinstance(error, InvalidParameter):
        return error
    faults = [
        FieldError((names.get(name, name),), fault.message, fault.code)
        for fault in error.errors
        for name in [cast(str, fault.path[0])]
    ]
    return InvalidParameter(faults, error.message)
