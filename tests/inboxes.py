"""Campaigns under way with deliveries in inboxes, as the engine leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from campaigns.inboxes import give_places
from campaigns.models import (
    AudienceMember,
    Campaign,
    CampaignStatus,
    CampaignStep,
    Closing,
    Content,
    Delivery,
    DeliveryStatus,
    StepStatus,
    StepType,
    Template,
    TemplateVersion,
)
from campaigns.transitions import Place as Counted
from campaigns.transitions import close_members, count, move_deliveries
from ops_console.organizations.models import Member, Organization
from tests.factories import NOW

ACK = {"id": "ack", "type": "ack", "label": "Understood"}


@dataclass
class Mailing:
    """A running campaign with one SEND_NOTIFICATION step."""

    campaign: Campaign
    step: CampaignStep

    @classmethod
    def of(cls, organization: Organization, *, key: str = "send") -> Mailing:
        made = {"organization": organization, "created_at": NOW}
        template = Template.objects.create(**made, name="Notice", updated_at=NOW)
        TemplateVersion.objects.create(template=template, version=1, body="Coo", created_at=NOW)
        campaign = Campaign.objects.create(
            **made,
            name="Loft inspection",
            sender_name="The loft",
            template=template,
            template_version=1,
            workflow={"steps": [{"id": key, "type": "STEP_TYPE_SEND_NOTIFICATION", "sendNotification": {}}]},
            status=CampaignStatus.RUNNING,
            started_at=NOW,
        )
        return cls(campaign, step_of(campaign, key))

    def then(self, key: str) -> Mailing:
        """The same campaign at its next step."""
        CampaignStep.objects.filter(pk=self.step.pk).update(status=StepStatus.COMPLETED)
        return Mailing(self.campaign, step_of(self.campaign, key, position=self.step.position + 1))

    def pend(self, members: Sequence[Member], *, now: datetime = NOW) -> list[Delivery]:
        """Deliveries that nobody has handed over yet."""
        deliveries = [self._pending(member, now) for member in members]
        count((self.campaign.pk, self.step.pk, "", str(DeliveryStatus.PENDING)) for _ in deliveries)
        return deliveries

    def deliver(
        self,
        *members: Member,
        body: str = "Coo coo!",
        to: DeliveryStatus = DeliveryStatus.SENT,
        actions: Sequence[dict[str, str]] = (ACK,),
        now: datetime = NOW,
    ) -> list[Delivery]:
        """Hand a message over to each, in one transaction."""
        with transaction.atomic():
            deliveries = self.pend(members, now=now)
            content = content_of(self.campaign.organization, body, actions, now)
            given = give_places([member.pk for member in members], now)
            move_deliveries(
                {delivery.pk: Counted(self.campaign.pk, self.step.pk) for delivery in deliveries},
                to,
                actor="tests",
                at=now,
                columns={"received_at": [given[delivery.member_id] for delivery in deliveries]},
                content=content.pk,
            )
        for delivery in deliveries:
            delivery.refresh_from_db()
        return deliveries

    def miss(self, *deliveries: Delivery, now: datetime = NOW) -> None:
        """Mark those missed that may be, and close their members, as MARK_MISSED does."""
        with transaction.atomic():
            moved = move_deliveries(
                {delivery.pk: Counted(delivery.campaign_id, delivery.step_id) for delivery in deliveries},
                DeliveryStatus.MISSED,
                actor="tests",
                at=now,
            )
            close_members(
                sorted(delivery.recipient_id for delivery in deliveries if delivery.pk in moved), Closing.MISSED, at=now
            )

    def _pending(self, member: Member, now: datetime) -> Delivery:
        recipient, is_new = AudienceMember.objects.get_or_create(campaign=self.campaign, member=member)
        if is_new:
            count([(self.campaign.pk, None, "", str(Closing.OPEN))])
        return Delivery.objects.create(
            campaign=self.campaign, step=self.step, recipient=recipient, member=member, created_at=now
        )


def step_of(campaign: Campaign, key: str, *, position: int = 0) -> CampaignStep:
    return CampaignStep.objects.create(
        campaign=campaign,
        key=key,
        type=StepType.SEND_NOTIFICATION,
        position=position,
        status=StepStatus.ACTIVE,
        entered_at=NOW,
    )


def content_of(
    organization: Organization, body: str, actions: Sequence[dict[str, str]] = (ACK,), now: datetime = NOW
) -> Content:
    digest = sha256(repr((body, list(actions))).encode()).digest()
    content, _ = Content.objects.get_or_create(
        organization=organization,
        digest=digest,
        defaults={
            "title": "Loft inspection",
            "summary": body[:100],
            "preview": body[:200],
            "body": body,
            "actions": list(actions),
            "created_at": now,
        },
    )
    return content
