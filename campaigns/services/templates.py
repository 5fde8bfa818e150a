"""Templates: made and changed by adding versions, looked at, and tried on real members before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from campaigns.models import Template, TemplateType, TemplateVersion
from campaigns.rendering.compiled import TITLE_LENGTH, compile_template
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput, NotFound
from ops_console.organizations.models import Organization
from ops_console.organizations.services.checks import UNFIT_FOR_TEXT, line_faults, name_faults

BODY_LENGTH = 50_000
VARIABLE_NAME_LENGTH, DESCRIPTION_LENGTH, DEFAULT_LENGTH = 100, 500, 1000
MOST_VARIABLES = 100
RICH = "rich"
SOURCES = ("custom", "profile")


@dataclass(frozen=True)
class NewVariable:
    """A placeholder's name, and where its value comes from: ``source`` is "custom" or "profile"."""

    name: str
    description: str = ""
    required: bool = False
    source: str = "custom"
    default_value: str = ""


def create_template(
    *,
    name: str,
    title: str,
    body: str,
    type: str = TemplateType.MARKDOWN,  # noqa: A002 - the template's own word
    variables: Sequence[NewVariable],
    actor: Actor,
    now: datetime,
    organization_id: UUID | None = None,
) -> TemplateVersion:
    """Make a template, as its version 1, in the caller's organization, or for staff in the one named.

    Raises:
        Forbidden: the actor may not create them.
        InvalidInput: at ``name``, ``title``, ``body``, ``type``, ``variables`` or ``organization``; a placeholder that
            is not declared, or stands where no value is safe, is named with its place.
    """
    policy.require(actor, "templates", "create")
    name = name.strip()
    owner = _owner(actor, organization_id)
    faults = name_faults(name) + line_faults(title, "title", length=TITLE_LENGTH) + _type_faults(type)
    if owner is None:
        faults.append(FieldError(("organization",), "There is no such organization.", "unknown"))
    stored = _checked(type=type, title=title, body=body, variables=variables, faults=faults)
    assert owner is not None
    template = Template(organization=owner, name=name, title=title, type=type, created_by=actor.member)
    template.created_at = template.updated_at = now
    with transaction.atomic():
        template.save(force_insert=True)
        version = _add_version(template, body, stored, actor, now)
        after = {"name": name, "title": title, "type": type, **_shown(version)}
        _record(template, "create", after=after, actor=actor, now=now)
    return version


def update_template(
    *,
    template_id: UUID,
    body: str | None,
    variables: Sequence[NewVariable] | None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> TemplateVersion:
    """Add a version; what is None is taken from the one before, and if both are, nothing is added.

    Two at once add two versions, one after the other.

    Raises:
        Forbidden: the actor may not change them.
        InvalidInput: at ``body``, ``title`` or ``variables``, as for a new one.
        NotFound: the actor's organization has no such template.
    """
    policy.require(actor, "templates", "update")
    with transaction.atomic():
        template = Template.objects.visible_to(actor).select_for_update().filter(pk=template_id).first()
        if template is None:
            raise NotFound("There is no such template.")
        current = _version_of(template, template.version)
        if body is None and variables is None:
            return current
        body = current.body if body is None else body
        wanted = [NewVariable(**stored) for stored in current.variables] if variables is None else variables
        stored = _checked(type=template.type, title=template.title, body=body, variables=wanted, faults=[])
        template.version += 1
        template.updated_at = now
        template.save(update_fields=["version", "updated_at"])
        version = _add_version(template, body, stored, actor, now)
        _record(template, "update", before=_shown(current), after=_shown(version), reason=reason, actor=actor, now=now)
    return version


def get_template(*, template_id: UUID, version: int = 0, actor: Actor) -> TemplateVersion:
    """Return a version, with its template; the newest if 0.

    Raises:
        Forbidden: the actor may not see them.
        InvalidInput: at ``version``: it is below 0.
        NotFound: the actor's organization has no such template, or that no such version.
    """
    policy.require(actor, "templates", "retrieve")
    template = Template.objects.visible_to(actor).filter(pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template.")
    return _version_of(template, newest_if_zero(template, version))


def list_templates(*, actor: Actor, type: str | None = None) -> QuerySet[TemplateVersion]:  # noqa: A002
    """The newest versions of the organization's templates, each with its template; of all types unless told.

    Raises:
        Forbidden: the actor may not see them.
    """
    policy.require(actor, "templates", "list")
    rows = TemplateVersion.objects.visible_to(actor).newest()
    return rows.filter(template__type=type) if type else rows


def list_versions(*, template_id: UUID, actor: Actor) -> QuerySet[TemplateVersion]:
    """The versions of a template.

    Raises:
        Forbidden: the actor may not see them.
        NotFound: the actor's organization has no such template.
    """
    policy.require(actor, "templates", "retrieve")
    if not Template.objects.visible_to(actor).filter(pk=template_id).exists():
        raise NotFound("There is no such template.")
    return TemplateVersion.objects.select_related("template").filter(template=template_id)


def newest_if_zero(template: Template, version: int) -> int:
    """The version that is meant.

    Raises:
        InvalidInput: at ``version``: it is below 0.
    """
    if version < 0:
        raise InvalidInput.field("version", message="A version is 1 or more; 0 is the newest.")
    return version or template.version


def _owner(actor: Actor, organization_id: UUID | None) -> Organization | None:
    """The caller's organization, which he need not name; the one named for staff; None where that can't be."""
    if actor.member:
        return actor.member.organization if organization_id in (None, actor.member.organization_id) else None
    return Organization.objects.filter(pk=organization_id).first() if organization_id else None


def _version_of(template: Template, version: int) -> TemplateVersion:
    # More than a column of the database holds is none of its versions.
    found = TemplateVersion.objects.filter(template=template, version=version).first() if version < 2**31 else None
    if found is None:
        raise NotFound(f"There is no version {version} of this template.")
    found.template = template
    return found


def _checked(
    *,
    type: str,  # noqa: A002 - the template's own word
    title: str,
    body: str,
    variables: Sequence[NewVariable],
    faults: list[FieldError],
) -> list[dict[str, Any]]:
    """The variables as they are stored.

    Raises:
        InvalidInput: the faults given, those found, or what compiling finds.
    """
    found = [*faults, *_body_faults(body), *_variables_faults(variables)]
    if found:
        raise InvalidInput(found)
    stored = [asdict(variable) for variable in variables]
    compile_template(type=type, title=title, body=body, variables=stored)
    return stored


def _type_faults(type: str) -> list[FieldError]:  # noqa: A002 - the template's own word
    if type in TemplateType.values:
        return []
    told = "RICH is not supported yet." if type == RICH else "There is no such type."
    return [FieldError(("type",), f"{told} Use MARKDOWN or HTML.", "unsupported")]


def _body_faults(body: str) -> list[FieldError]:
    if len(body) <= BODY_LENGTH and not UNFIT_FOR_TEXT.search(body):
        return []
    return [FieldError(("body",), f"A body is text of at most {BODY_LENGTH:,} characters.")]


def _variables_faults(variables: Sequence[NewVariable]) -> list[FieldError]:
    if len(variables) > MOST_VARIABLES:
        return [FieldError(("variables",), f"A template has at most {MOST_VARIABLES} variables.", "too_many")]
    faults, seen = [], set()
    for place, variable in enumerate(variables):
        faults += _variable_faults(variable, place)
        if variable.name in seen:
            told = f"There are two variables {variable.name}."
            faults.append(FieldError(("variables", place, "name"), told, "repeated"))
        seen.add(variable.name)
    return faults


def _variable_faults(variable: NewVariable, place: int) -> list[FieldError]:
    name, faults = variable.name, []
    is_fit = 0 < len(name) <= VARIABLE_NAME_LENGTH and name == name.strip() and name.isprintable()
    if not is_fit or not {"{", "}"}.isdisjoint(name):
        told = f"A variable's name is 1 to {VARIABLE_NAME_LENGTH} printable characters other than braces."
        faults.append(FieldError(("variables", place, "name"), told))
    if len(variable.description) > DESCRIPTION_LENGTH or UNFIT_FOR_TEXT.search(variable.description):
        told = f"A description is text of at most {DESCRIPTION_LENGTH} characters."
        faults.append(FieldError(("variables", place, "description"), told))
    if len(variable.default_value) > DEFAULT_LENGTH or UNFIT_FOR_TEXT.search(variable.default_value):
        told = f"A default is text of at most {DEFAULT_LENGTH:,} characters."
        faults.append(FieldError(("variables", place, "default_value"), told))
    if variable.source not in SOURCES:
        faults.append(FieldError(("variables", place, "source"), "A source is PROFILE or CUSTOM.", "invalid_choice"))
    return faults


def _add_version(
    template: Template, body: str, variables: list[dict[str, Any]], actor: Actor, now: datetime
) -> TemplateVersion:
    version = TemplateVersion(
        template=template,
        version=template.version,
        body=body,
        variables=variables,
        created_by=actor.member,
        created_at=now,
    )
    version.save(force_insert=True)
    return version


def _shown(version: TemplateVersion) -> dict[str, Any]:
    """Of the trail: the body itself is kept by its version."""
    return {"version": version.version, "variables": [variable["name"] for variable in version.variables]}


def _record(
    template: Template,
    verb: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any],
    reason: str = "",
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(
        actor=actor,
        action=f"template.{verb}",
        target_type="template",
        target_id=str(template.pk),
        organization_id=template.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
