"""From claimed deliveries to parcels: who is left out, who is put off, and what the others are to read."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from campaigns.addresses import address_parts
from campaigns.channels import Handed, Parcel
from campaigns.engine.lanes import Batch, Claimed, Lane
from campaigns.engine.outlines import Outline, SendStep, outline
from campaigns.engine.quiet_hours import ATTRIBUTE
from campaigns.models import AttemptKind, AttemptOutcome, CampaignStep, Closing, Content, StepStatus
from campaigns.rendering.compiled import CannotRender, compiled
from campaigns.rendering.contents import NewContent, content_of
from campaigns.rendering.values import values_for
from ops_console.organizations.models import MemberStatus
from ops_console.organizations.profiles import CUSTOM_ATTRIBUTES

logger = logging.getLogger(__name__)


@dataclass
class Made:
    """What a batch has become: each delivery is in ``parcels``, ``unfit``, ``later``, ``closed`` or ``dropped``."""

    # By the channel's name.
    parcels: dict[str, list[Parcel]] = field(default_factory=dict)
    contents: dict[UUID, NewContent] = field(default_factory=dict)
    unfit: list[Handed] = field(default_factory=list)
    # To be looked at again then.
    later: dict[UUID, datetime] = field(default_factory=dict)
    # Their recipients have acknowledged or missed the campaign: nothing is sent.
    closed: set[UUID] = field(default_factory=set)
    # Nothing is to be done for them any more.
    dropped: list[UUID] = field(default_factory=list)


def make(batch: Batch, *, now: datetime) -> Made:
    """Make the messages of a batch; no query but for reminders, which say again what was said."""
    maker = Maker(batch.lane, outline(batch.lane.campaign_id), now)
    seen: set[UUID] = set()
    reminders = []
    for delivery in batch.deliveries:
        # In one transaction a member's inbox is given one place.
        if delivery.member_id in seen:
            maker.made.later[delivery.id] = now
            continue
        seen.add(delivery.member_id)
        is_open = delivery.closing == Closing.OPEN
        if delivery.work != AttemptKind.REMINDER:
            if is_open:
                maker.send(delivery)
            else:
                maker.made.closed.add(delivery.id)
        elif is_open and delivery.content_id is not None:
            reminders.append(delivery)
        else:
            maker.made.dropped.append(delivery.id)
    if reminders:
        maker.remind(reminders)
    return maker.made


class Maker:
    """Makes the messages of one lane."""

    def __init__(self, lane: Lane, outline: Outline, now: datetime) -> None:
        self.made = Made()
        self._lane = lane
        self._outline = outline
        self._quiet_hours = lane.quiet_hours
        self._now = now

    def send(self, delivery: Claimed) -> None:
        step = self._outline.sends[delivery.step_id]
        profile = json.loads(delivery.profile)
        if delivery.member_status == MemberStatus.DEACTIVATED:
            self._leave_out(delivery, step.channel, "The member is deactivated.")
        elif not self._is_put_off(delivery, profile):
            content = self._render(delivery, step, profile)
            if content is not None:
                self.made.contents[delivery.id] = content
                self._pack(delivery, step.channel, profile, content)

    def remind(self, deliveries: Sequence[Claimed]) -> None:
        """Two queries."""
        contents = Content.objects.defer("preview", "actions").in_bulk(
            {delivery.content_id for delivery in deliveries if delivery.content_id is not None}
        )
        channel = self._reminding_channel()
        for delivery in deliveries:
            profile = json.loads(delivery.profile)
            sent_by = self._outline.sends[delivery.step_id].channel
            if delivery.member_status == MemberStatus.DEACTIVATED:
                self.made.dropped.append(delivery.id)
            elif not self._is_put_off(delivery, profile):
                assert delivery.content_id is not None
                self._pack(delivery, channel or sent_by, profile, contents[delivery.content_id])

    def _reminding_channel(self) -> str | None:
        """The channel that the step under way names; None for that of each delivery."""
        if not self._outline.reminders:
            return None
        active = CampaignStep.objects.filter(campaign=self._lane.campaign_id, status=StepStatus.ACTIVE)
        return self._outline.reminders.get(active.values_list("key", flat=True).first() or "")

    def _is_put_off(self, delivery: Claimed, profile: Mapping[str, Any]) -> bool:
        if self._quiet_hours is None:
            return False
        until = self._quiet_hours.over_at(self._now, _attributes(profile).get(ATTRIBUTE, ""))
        if until is not None:
            self.made.later[delivery.id] = until
        return until is not None

    def _render(self, delivery: Claimed, step: SendStep, profile: Mapping[str, Any]) -> NewContent | None:
        try:
            template = compiled(template_id=step.template_id, version=step.version)
            values = values_for(
                template,
                audience=json.loads(delivery.variables),
                custom=step.custom,
                profile=profile,
                name=delivery.name,
                email=delivery.email,
            )
            return content_of(template.render(values), title=self._outline.title, actions=step.actions)
        except CannotRender as error:
            self._leave_out(delivery, step.channel, error.message)
        except Exception:  # one message that cannot be made, for whatever reason, does not stop the others
            logger.exception("campaign.message_broken", extra={"delivery": str(delivery.id)})
            self._leave_out(delivery, step.channel, "The message could not be made.")
        return None

    def _leave_out(self, delivery: Claimed, channel: str, why: str) -> None:
        self.made.unfit.append(
            Handed(
                delivery_id=delivery.id,
                carrier=channel,
                outcome=AttemptOutcome.UNFIT,
                detail=why,
                started_at=self._now,
                ended_at=self._now,
            )
        )

    def _pack(self, delivery: Claimed, channel: str, profile: Mapping[str, Any], content: NewContent | Content) -> None:
        parcel = Parcel(
            delivery_id=delivery.id,
            member_id=delivery.member_id,
            member_name=delivery.name or delivery.email,
            organization_id=self._outline.organization_id,
            campaign_id=self._lane.campaign_id,
            kind=AttemptKind(delivery.work),
            title=content.title,
            summary=content.summary,
            body=content.body,
            sender_name=self._outline.sender_name,
            critical=self._lane.is_critical,
            address=address_parts(profile),
            is_html=self._outline.sends[delivery.step_id].is_html,
        )
        self.made.parcels.setdefault(channel, []).append(parcel)


def _attributes(profile: Mapping[str, Any]) -> Mapping[str, str]:
    attributes: Mapping[str, str] = profile.get(CUSTOM_ATTRIBUTES, {})
    return attributes
