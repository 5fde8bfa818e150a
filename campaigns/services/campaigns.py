"""Making, changing and reading campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction

from campaigns.models import (
    Campaign,
    CampaignEvent,
    CampaignFlow,
    CampaignStatus,
    Closing,
    Delivery,
    DeliveryStatus,
    Template,
)
from campaigns.querysets import CampaignQuerySet, DeliveryQuerySet
from campaigns.rendering.placeholders import unfilled_faults
from campaigns.services.audiences import NewAudience, audience_faults, freeze
from campaigns.transitions import count
from campaigns.workflows import validation
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.models import Organization, Person
from ops_console.organizations.services.checks import NAME_LENGTH, line_faults, name_faults

# Recipients a second; above it a limit means nothing.
FASTEST = 1_000_000


@dataclass(frozen=True)
class Delivering:
    """How a campaign goes out, beyond the contract.

    ``critical``: in quiet hours, too. ``quiet_from`` and ``quiet_until``: the recipients' own time, both or neither.
    ``rate_per_s``: recipients a second; None is no limit.
    """

    critical: bool = False
    quiet_from: time | None = None
    quiet_until: time | None = None
    rate_per_s: int | None = None


@dataclass(frozen=True)
class CheckedWorkflow:
    """A workflow that was looked at, and what is wrong with it."""

    workflow: Any
    faults: Sequence[FieldError]


@dataclass(frozen=True)
class Counts:
    """How the recipients of a campaign stand, and its deliveries by status over all steps."""

    members: Mapping[str, int]
    deliveries: Mapping[str, int]

    @property
    def acknowledged(self) -> int:
        return self.members.get(Closing.ACKNOWLEDGED, 0)

    @property
    def missed(self) -> int:
        return self.members.get(Closing.MISSED, 0)


def create_campaign(
    *,
    name: str,
    template_id: UUID,
    template_version: int = 0,
    audience: NewAudience,
    workflow: Any = None,
    sender_name: str = "",
    title: str = "",
    delivering: Delivering | None = None,
    actor: Actor,
    now: datetime,
    organization_id: UUID | None = None,
    dry_run: bool = False,
) -> Campaign:
    """Make a campaign and freeze its audience; nothing is sent yet.

    Version 0 is the template's newest, and stays the one it is now. ``workflow`` is JSON or a message; None is the
    organization's default. Within a transaction give what ``check_workflow`` returned before. Staff name the
    organization. A dry run does the same and takes it back. About 2 s for 100,000 members.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at the field; of members at fault the first 20 are named.
    """
    policy.require(actor, "campaigns", "create")
    organization = owner_of(actor, organization_id)
    delivering = delivering or Delivering()
    version, faults = _version(organization.pk, template_id, template_version)
    faults += name_faults(name.strip()) + _line_faults(sender_name=sender_name, title=title)
    faults += _delivering_faults(delivering)
    checked = workflow if isinstance(workflow, CheckedWorkflow) else _checked(workflow, organization)
    faults += checked.faults
    if faults := faults + audience_faults(audience, organization.pk, actor):
        raise InvalidInput(faults)
    campaign = Campaign(
        organization=organization,
        name=name.strip(),
        title=title,
        sender_name=sender_name,
        template_id=template_id,
        template_version=version,
        workflow=validation.pinned(checked.workflow, organization_id=organization.pk),
        created_by=actor.member,
        created_by_person=person_of(actor),
        created_at=now,
        **_columns(delivering),
    )
    with transaction.atomic():
        _write(campaign, audience, actor=actor, now=now)
        transaction.set_rollback(dry_run)
    return campaign


def check_workflow(*, workflow: Any, actor: Actor, organization_id: UUID | None = None) -> CheckedWorkflow:
    """Look at the workflow of a campaign to be made. Hosts are looked up, so call it outside of transactions.

    Raises:
        Forbidden: the actor may not make campaigns.
        InvalidInput: at ``organization``.
    """
    policy.require(actor, "campaigns", "create")
    return _checked(workflow, owner_of(actor, organization_id))


def check_change(*, campaign_id: UUID, workflow: Any, actor: Actor) -> CheckedWorkflow:
    """Look at the workflow a campaign is to have from now on; as ``check_workflow``.

    Raises:
        Forbidden: the actor may not change campaigns.
        NotFound: the actor has no such campaign.
    """
    return _checked_for(get_campaign(campaign_id=campaign_id, actor=actor, action="update"), workflow)


def _checked_for(campaign: Campaign, workflow: Any) -> CheckedWorkflow:
    return CheckedWorkflow(workflow, validation.check(workflow, organization_id=campaign.organization_id))


def _write(campaign: Campaign, audience: NewAudience, *, actor: Actor, now: datetime) -> None:
    campaign.save(force_insert=True)
    campaign.n_recipients = freeze(audience, campaign_id=campaign.pk, organization_id=campaign.organization_id)
    campaign.save(update_fields=["n_recipients"])
    count({(campaign.pk, None, "", str(Closing.OPEN)): campaign.n_recipients})
    note(campaign, "", campaign.status, actor=actor, now=now)
    record(campaign, "create", after=_shown(campaign), actor=actor, now=now)


def update_campaign(
    *,
    campaign_id: UUID,
    name: str | None = None,
    sender_name: str | None = None,
    title: str | None = None,
    template_id: UUID | None = None,
    template_version: int = 0,
    workflow: Any = None,
    delivering: Mapping[str, Any] | None = None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Campaign:
    """Change what is given of a campaign that was not started; what is None stays, and so does the audience.

    A version alone is one of the template it has; a template alone means its newest. ``delivering`` holds fields of
    ``Delivering``. Within a transaction ``workflow`` is what ``check_change`` returned before. A change takes back the
    approval of a second person.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at the field.
        InvalidTransition: it was started or cancelled.
        NotFound: the actor has no such campaign.
    """
    policy.require(actor, "campaigns", "update")
    # Looked at before the lock, for a workflow's addresses are looked up.
    seen = get_campaign(campaign_id=campaign_id, actor=actor, action="update")
    wanted = _texts(name, sender_name, title)
    faults = _text_faults(wanted)
    if template_id is not None or template_version:
        wanted["template_id"] = template_id or seen.template_id
        wanted["template_version"], more = _version(seen.organization_id, wanted["template_id"], template_version)
        faults += more
    if workflow is not None:
        checked = workflow if isinstance(workflow, CheckedWorkflow) else _checked_for(seen, workflow)
        faults += checked.faults
        if not checked.faults:
            wanted["workflow"] = validation.pinned(checked.workflow, organization_id=seen.organization_id)
    wanted |= delivering or {}
    with transaction.atomic():
        campaign = lock_campaign(campaign_id, actor)
        if campaign.status != CampaignStatus.CREATED:
            raise InvalidTransition(
                current=campaign.status, wanted="changed", message=f"This is {campaign.state}; it no longer changes."
            )
        faults += _delivering_faults(Delivering(**{**_columns(campaign), **(delivering or {})}))
        if faults:
            raise InvalidInput(faults)
        _set(campaign, wanted, actor=actor, now=now, reason=reason)
    return campaign


def get_campaign(*, campaign_id: UUID, actor: Actor, action: str = "retrieve") -> Campaign:
    """Return one.

    Raises:
        Forbidden: the actor may not.
        NotFound: the actor has no such campaign.
    """
    policy.require(actor, "campaigns", action)
    campaign = Campaign.objects.visible_to(actor).filter(pk=campaign_id).first()
    if campaign is None:
        raise missing()
    return campaign


def list_campaigns(*, actor: Actor) -> CampaignQuerySet:
    """Those the actor may see, without workflows.

    Raises:
        Forbidden: the actor may see none.
    """
    policy.require(actor, "campaigns", "list")
    return Campaign.objects.visible_to(actor).for_list()


def list_deliveries(*, campaign_id: UUID, status: str = "", actor: Actor) -> tuple[DeliveryQuerySet, int]:
    """Return a campaign's deliveries, all or of one status, each with its member's person, and how many they are.

    Raises:
        Forbidden, NotFound: as ``get_campaign``.
    """
    campaign = get_campaign(campaign_id=campaign_id, actor=actor)
    counts = counts_of([campaign.pk])[campaign.pk].deliveries
    rows = Delivery.objects.of_campaign(campaign.pk)
    if not status:
        return rows, sum(counts.values())
    return rows.filter(status=status), counts.get(status, 0)


def counts_of(campaigns: Iterable[UUID]) -> dict[UUID, Counts]:
    """How far each of some campaigns is. One query."""
    ids = list(campaigns)
    sums = CampaignFlow.objects.sums(ids)
    return {pk: _counts(sums.get(pk, {})) for pk in ids}


def lock_campaign(campaign_id: UUID, actor: Actor) -> Campaign:
    """The campaign to change, locked until the transaction ends.

    Raises:
        NotFound: the actor has no such campaign.
    """
    campaign = Campaign.objects.visible_to(actor).select_for_update(no_key=True).filter(pk=campaign_id).first()
    if campaign is None:
        raise missing()
    return campaign


def missing() -> NotFound:
    return NotFound("There is no such campaign.")


def person_of(actor: Actor) -> Person | None:
    """Who stands behind an actor: of a key, the one who made it."""
    if actor.person is not None or actor.member is None:
        return actor.person
    return actor.member.person


def note(campaign: Campaign, old: str, new: str, *, actor: Actor, now: datetime, reason: str = "") -> None:
    """Write a line of the campaign's history that is no move of its status."""
    CampaignEvent.objects.create(
        subject=campaign, from_status=old, to_status=new, actor=actor.label, reason=reason[:200], at=now
    )


def record(
    campaign: Campaign,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(
        actor=actor,
        action=f"campaign.{verb}",
        target_type="campaign",
        target_id=str(campaign.pk),
        organization_id=campaign.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )


def owner_of(actor: Actor, organization_id: UUID | None) -> Organization:
    """The caller's organization with its default workflow, or the one that staff name. Raises: InvalidInput."""
    wanted = organization_id or actor.organization_id
    owner = Organization.objects.visible_to(actor).filter(pk=wanted).first() if wanted else None
    if owner is None:
        raise InvalidInput.field("organization", message="There is no such organization.", code="unknown")
    return owner


def _version(organization_id: UUID, template_id: UUID, version: int) -> tuple[int, list[FieldError]]:
    """The version that is meant, which exists; else what is wrong."""
    newest = (
        Template.objects.filter(organization=organization_id, pk=template_id).values_list("version", flat=True).first()
    )
    if newest is None:
        return 0, [FieldError(("template_id",), "There is no such template.", "unknown")]
    if not 0 <= version <= newest:
        message = f"This template has the versions 1 to {newest}."
        return 0, [FieldError(("template_version",), message, "unknown")]
    return version or newest, []


def _checked(workflow: Any, organization: Organization) -> CheckedWorkflow:
    """The workflow that is meant, looked at: the one given, or the organization's default."""
    if workflow is not None:
        return CheckedWorkflow(workflow, validation.check(workflow, organization_id=organization.pk))
    default = organization.default_workflow
    if default is None:
        message = "Give a workflow: the organization has no default."
        return CheckedWorkflow(None, [FieldError(("workflow",), message, "required")])
    faults = [
        FieldError(("workflow",), f"The organization's default workflow: {fault.message}", fault.code)
        for fault in validation.check(default, organization_id=organization.pk)
    ]
    return CheckedWorkflow(default, faults)


def _line_faults(**texts: str) -> list[FieldError]:
    faults = [fault for field, text in texts.items() for fault in line_faults(text, field, length=NAME_LENGTH)]
    return faults + unfilled_faults(texts.get("title", ""), ("title",))


def _delivering_faults(delivering: Delivering) -> list[FieldError]:
    faults: list[FieldError] = []
    begin, end = delivering.quiet_from, delivering.quiet_until
    if (begin is None) != (end is None):
        field = "quiet_from" if begin is None else "quiet_until"
        faults.append(FieldError((field,), "Quiet hours have a beginning and an end.", "required"))
    elif begin is not None and begin == end:
        faults.append(FieldError(("quiet_until",), "Quiet hours end at another time than they begin."))
    if delivering.rate_per_s is not None and not 1 <= delivering.rate_per_s <= FASTEST:
        faults.append(FieldError(("rate_per_s",), f"A rate is 1 to {FASTEST:,} recipients a second."))
    return faults


def _columns(source: Delivering | Campaign) -> dict[str, Any]:
    return {field.name: getattr(source, field.name) for field in fields(Delivering)}


def _texts(name: str | None, sender_name: str | None, title: str | None) -> dict[str, Any]:
    given = {"name": None if name is None else name.strip(), "sender_name": sender_name, "title": title}
    return {field: text for field, text in given.items() if text is not None}


def _text_faults(given: Mapping[str, str]) -> list[FieldError]:
    """What is wrong with those of the texts that are given."""
    lines = {field: text for field, text in given.items() if field != "name"}
    return (name_faults(given["name"]) if "name" in given else []) + _line_faults(**lines)


def _set(campaign: Campaign, wanted: Mapping[str, Any], *, actor: Actor, now: datetime, reason: str) -> None:
    """Write the fields that differ; an approval was of what was there before."""
    changed = [field for field in wanted if getattr(campaign, field) != wanted[field]]
    if not changed:
        return
    before = _shown(campaign)
    for field in changed:
        setattr(campaign, field, wanted[field])
    campaign.approved_by, campaign.approved_at = None, None
    campaign.save(update_fields=[*changed, "approved_by", "approved_at"])
    person = person_of(actor)
    if person is not None:
        campaign.changed_by.add(person)
    after = _shown(campaign)
    differing = [field for field in after if before[field] != after[field]]
    record(
        campaign,
        "update",
        before={field: before[field] for field in differing},
        after={field: after[field] for field in differing},
        reason=reason,
        actor=actor,
        now=now,
    )


def _shown(campaign: Campaign) -> dict[str, Any]:
    """What the trail tells of a campaign; of its workflow, which may be long, the ids of the steps."""
    return {
        "name": campaign.name,
        "title": campaign.title,
        "sender_name": campaign.sender_name,
        "template": str(campaign.template_id),
        "template_version": campaign.template_version,
        "steps": [step["id"] for step in campaign.workflow["steps"]],
        "recipients": campaign.n_recipients,
        "critical": campaign.critical,
        "quiet_hours": [str(campaign.quiet_from), str(campaign.quiet_until)] if campaign.quiet_from else [],
        "rate_per_s": campaign.rate_per_s,
        "approved": campaign.approved_at is not None,
    }


def _counts(sums: Mapping[tuple[int | None, str], int]) -> Counts:
    members: dict[str, int] = {}
    deliveries: dict[str, int] = dict.fromkeys(DeliveryStatus.values, 0)
    for (step, status), n in sums.items():
        if step is None:
            members[status] = n
        else:
            deliveries[status] = deliveries.get(status, 0) + n
    return Counts(members, deliveries)
