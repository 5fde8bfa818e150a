"""What is set on an organization: by its members, and by staff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from protobuf import message_to_json_value

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput, NotFound
from ops_console.gen.pidgr.v1.common_pb import WorkflowDefinition
from ops_console.organizations.models import Organization
from ops_console.organizations.profiles import CUSTOM_ATTRIBUTES, CUSTOM_PREFIX, PROFILE_FIELDS, custom_name
from ops_console.organizations.services.checks import (
    ATTRIBUTE_NAME_LENGTH,
    MOST_ATTRIBUTES,
    company_faults,
    line_faults,
    name_faults,
)
from ops_console.organizations.services.guards import lock_organization

LARGEST_RATE = 1_000_000
CLAIM_LENGTH = 500


@dataclass(frozen=True)
class AttributeMapping:
    """A claim of the identity provider, and the field of the profile it fills."""

    idp_claim: str
    profile_field: str


def update_organization(
    *,
    organization_id: UUID,
    actor: Actor,
    now: datetime,
    name: str = "",
    industry: str = "",
    company_size: str = "",
    default_workflow: WorkflowDefinition | None = None,
    workflow_faults: Sequence[FieldError] | None = None,
    reason: str = "",
) -> Organization:
    """Change what is given, and keep what is empty; a workflow without steps takes the default one away.

    ``workflow_faults``: what ``default_workflow_faults`` found before; give it within a transaction.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at ``name``, ``industry``, ``company_size`` or ``default_workflow``.
        NotFound: the actor has no such organization.
    """
    policy.require(actor, "organizations", "update")
    if workflow_faults is None:
        workflow_faults = default_workflow_faults(default_workflow, organization_id=organization_id)
    faults = name_faults(name.strip()) if name else []
    if faults := [*faults, *company_faults(industry, company_size), *workflow_faults]:
        raise InvalidInput(faults)
    wanted: dict[str, Any] = {"name": name.strip(), "industry": industry, "company_size": company_size}
    wanted = {field: value for field, value in wanted.items() if value}
    if default_workflow is not None:
        wanted["default_workflow"] = message_to_json_value(default_workflow) if default_workflow.steps else None
    return _set(organization_id, wanted, "update", actor=actor, reason=reason, now=now)


def update_sso_attribute_mappings(
    *, organization_id: UUID, mappings: Sequence[AttributeMapping], actor: Actor, now: datetime, reason: str = ""
) -> Organization:
    """Replace the list; a field of the profile is filled by one claim.

    ``profile_field`` names a field of UserProfile, or else an attribute of the organization's own, which may have
    ``custom:`` before it.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at an ``idp_claim`` or ``profile_field`` and the place in ``sso_attribute_mappings``.
        NotFound: the actor has no such organization.
    """
    policy.require(actor, "organizations", "update")
    if faults := _mapping_faults(mappings):
        raise InvalidInput(faults)
    wanted = {"sso_attribute_mappings": [asdict(mapping) for mapping in mappings]}
    return _set(organization_id, wanted, "update_sso_attribute_mappings", actor=actor, reason=reason, now=now)


def set_rate(
    *,
    organization_id: UUID,
    rate_per_s: int | None,
    rate_burst: int | None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Organization:
    """Set how many requests a second, and at once, an organization may make; None is the installation's default.

    Raises:
        Forbidden: the actor may not set rates.
        InvalidInput: at ``rate_per_s`` or ``rate_burst``.
        NotFound: there is no such organization.
    """
    policy.require(actor, "organizations", "set_rate")
    wanted = {"rate_per_s": rate_per_s, "rate_burst": rate_burst}
    faults = [
        FieldError((field,), f"A rate is 1 to {LARGEST_RATE}.")
        for field, value in wanted.items()
        if value is not None and not 1 <= value <= LARGEST_RATE
    ]
    if faults:
        raise InvalidInput(faults)
    return _set(organization_id, wanted, "set_rate", actor=actor, reason=reason, now=now)


def _set(
    organization_id: UUID,
    wanted: Mapping[str, Any],
    verb: str,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Organization:
    """Write the fields that differ, with an audit entry if there are any."""
    if not Organization.objects.visible_to(actor).filter(pk=organization_id).exists():
        raise NotFound("There is no such organization.")
    with transaction.atomic():
        organization = lock_organization(organization_id)
        before = {field: getattr(organization, field) for field in wanted}
        changed = [field for field in wanted if before[field] != wanted[field]]
        for field in changed:
            setattr(organization, field, wanted[field])
        if changed:
            organization.save(update_fields=changed)
            audit.record(
                actor=actor,
                action=f"organization.{verb}",
                target_type="organization",
                target_id=str(organization.id),
                organization_id=organization.id,
                before={field: _audited(field, before[field]) for field in changed},
                after={field: _audited(field, wanted[field]) for field in changed},
                reason=reason,
                at=now,
            )
    return organization


def _audited(field: str, value: Any) -> Any:
    """A workflow may be long: the trail tells its steps by their ids."""
    if field != "default_workflow":
        return value
    return value and [step.get("id", "") for step in value["steps"]]


def default_workflow_faults(workflow: WorkflowDefinition | None, *, organization_id: UUID) -> list[FieldError]:
    """What those who run workflows find wrong with one. They may call out: outside of transactions."""
    if workflow is None or not workflow.steps:
        return []
    check = import_string(settings.WORKFLOW_CHECK)
    return list(check(workflow, organization_id=organization_id, path=("default_workflow",)))


def _mapping_faults(mappings: Sequence[AttributeMapping]) -> list[FieldError]:
    faults: list[FieldError] = []
    often = Counter(custom_name(mapping.profile_field) for mapping in mappings)
    if len(often.keys() - set(PROFILE_FIELDS)) > MOST_ATTRIBUTES:
        message = f"A profile has at most {MOST_ATTRIBUTES} attributes of an organization's own."
        faults.append(FieldError(("sso_attribute_mappings",), message, "too_many"))
    for index, mapping in enumerate(mappings):
        path = ("sso_attribute_mappings", index)
        faults += _name_in_mapping_faults(mapping.idp_claim, (*path, "idp_claim"), CLAIM_LENGTH)
        faults += _name_in_mapping_faults(mapping.profile_field, (*path, "profile_field"), ATTRIBUTE_NAME_LENGTH)
        if mapping.profile_field in (CUSTOM_ATTRIBUTES, CUSTOM_PREFIX):
            message = "Name an attribute itself, as in address.city."
            faults.append(FieldError((*path, "profile_field"), message))
        elif often[custom_name(mapping.profile_field)] > 1:
            faults.append(FieldError((*path, "profile_field"), "Another mapping fills this field.", "duplicate"))
    return faults


def _name_in_mapping_faults(text: str, path: tuple[str | int, ...], length: int) -> list[FieldError]:
    if not text.strip():
        return [FieldError(path, "This must not be empty.", "blank")]
    return line_faults(text, *path, length=length)
