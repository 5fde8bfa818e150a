"""What stays the same of a campaign while it runs, read once in each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from django.db.models import Max, Q
from django.db.models.functions import Length

from campaigns.models import Campaign, Template, TemplateType, TemplateVersion
from campaigns.workflows.definition import SendNotification, SendReminder, parse

ACTION_LABEL = "Acknowledge"
# Of the bodies of a batch before their values are put in: a worker holds all its messages at once.
BATCH_CHARACTERS = 4_000_000
# Outlines kept by a process: campaigns are served in turn, so fewer than there are would be none.
KEPT = 1024


@dataclass(frozen=True)
class SendStep:
    """A SEND_NOTIFICATION: which version of which template goes out, by which channel, with what beside it."""

    channel: str
    template_id: UUID
    version: int
    # In order, as contents store them.
    actions: tuple[Mapping[str, str], ...]
    custom: Mapping[str, str]
    is_html: bool = False


@dataclass(frozen=True)
class Outline:
    organization_id: UUID
    title: str
    sender_name: str
    # By the id of the step's row.
    sends: Mapping[int, SendStep]
    # The channels reminders are to take, by the key of their steps; those that name one.
    reminders: Mapping[str, str]
    # How many deliveries fit a batch.
    batch_limit: int


@lru_cache(maxsize=KEPT)
def outline(campaign_id: UUID) -> Outline:
    """The outline of a started campaign. Four queries, once."""
    campaign = Campaign.objects.get(pk=campaign_id)
    steps = {step.key: step for step in parse(campaign.workflow).steps}
    sends = _with_types(
        {
            pk: send_step(campaign, config)
            for pk, key in campaign.steps.values_list("pk", "key")
            if isinstance(config := steps[key].config, SendNotification)
        }
    )
    reminders = {
        key: step.config.type
        for key, step in steps.items()
        if isinstance(step.config, SendReminder) and step.config.type
    }
    limit = max(1, BATCH_CHARACTERS // max(1, _longest_body(sends)))
    return Outline(campaign.organization_id, campaign.title, campaign.sender_name, sends, reminders, limit)


def send_step(campaign: Campaign, config: SendNotification) -> SendStep:
    """What a step of the campaign sends. No query."""
    actions = ({"id": config.action_type, "type": config.action_type, "label": config.action_label or ACTION_LABEL},)
    own = config.template_id is not None
    return SendStep(
        channel=config.channel,
        template_id=config.template_id or campaign.template_id,
        version=config.template_version if own else campaign.template_version,
        actions=actions if config.action_type else (),
        custom=config.custom_variables,
    )


def _with_types(sends: Mapping[int, SendStep]) -> dict[int, SendStep]:
    templates = Template.objects.filter(pk__in={send.template_id for send in sends.values()})
    types = dict(templates.values_list("pk", "type"))
    return {pk: replace(send, is_html=types[send.template_id] == TemplateType.HTML) for pk, send in sends.items()}


def _longest_body(sends: Mapping[int, SendStep]) -> int:
    """In characters."""
    wanted = Q()
    for send in sends.values():
        wanted |= Q(template=send.template_id, version=send.version)
    if not wanted:
        return 0
    found = TemplateVersion.objects.filter(wanted).aggregate(longest=Max(Length("body")))
    return int(found["longest"] or 0)
