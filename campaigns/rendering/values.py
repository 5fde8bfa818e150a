"""Where the value of a variable comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.rendering.compiled import Compiled
from ops_console.organizations.profiles import CUSTOM_ATTRIBUTES, PROFILE_FIELDS

NO_ATTRIBUTES: Mapping[str, str] = {}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


# Both spellings that the wire has for them.
FIELDS = {spelling: name for name in PROFILE_FIELDS for spelling in (name, _camel(name))}


def values_for(
    compiled: Compiled,
    *,
    audience: Mapping[str, str],
    custom: Mapping[str, str],
    profile: Mapping[str, Any],
    name: str,
    email: str,
) -> dict[str, str]:
    """The values of one recipient by the variables' names, without defaults; a blank one counts as none.

    The first of these that has one: ``audience`` (the recipient's own in this campaign), ``custom`` (the workflow
    step's), and for PROFILE variables the ``profile`` as it is stored, its custom attributes, ``name`` and ``email``.
    """
    values = {}
    for variable in compiled.variables:
        key = variable.name
        value = audience.get(key) or custom.get(key) or ""
        if not value.strip():
            value = custom.get(key, "")
        if variable.source == "profile" and not value.strip():
            value = _of_profile(key, profile, name, email)
        if value:
            values[key] = value
    return values


def _of_profile(key: str, profile: Mapping[str, Any], name: str, email: str) -> str:
    if key in FIELDS:
        return str(profile.get(FIELDS[key], ""))
    attributes: Mapping[str, str] = profile.get(CUSTOM_ATTRIBUTES, NO_ATTRIBUTES)
    if key in attributes:
        return attributes[key]
    return {"name": name, "email": email}.get(key, "")
