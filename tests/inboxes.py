"""Campaigns under way with deliveries in inboxes, as the engine leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from django.db import transaction

from campaigns.engine.lanes import Batch, Claimed, Lane
from campaigns.engine.recording import Result, record
from campaigns.engine.verdicts import Verdict
from campaigns.inboxes import give_places
from campaigns.models import (
    AttemptKind,
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
from campaigns.rendering.contents import NewContent
from campaigns.services.steering import retry_failed
from campaigns.transitions import Place as Counted
from campaigns.transitions import close_members, count, move_deliveries
from ops_console.organizations.models import Member, Organization
from tests.factories import COMMAND, NOW

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

    def retry(self, *, now: datetime = NOW) -> Batch:
        """Order a retry of what found no device, and claim what is to be tried again as a worker does."""
        retry_failed(campaign_id=self.campaign.pk, no_device=True, actor=COMMAND, now=now)
        lease = uuid4()
        due = Delivery.objects.filter(campaign=self.campaign, work=AttemptKind.RETRY, leased_by=None)
        due.update(leased_by=lease, lease_until=now, due_at=now)
        held = Delivery.objects.filter(leased_by=lease).select_related("recipient", "member__person")
        lane = Lane(self.campaign.pk, None, False, None, None)
        return Batch(lease, lane, [_claimed(delivery) for delivery in held], is_last=True)

    def resend(self, batch: Batch, body: str, *, now: datetime = NOW) -> None:
        """Record that a worker has sent what it claimed, with another text."""
        texts = {"title": "", "summary": "", "preview": "", "body": body}
        content = NewContent(sha256(body.encode()).digest(), **texts, actions="[]")
        ids = [delivery.id for delivery in batch.deliveries]
        verdicts = {pk: Verdict(DeliveryStatus.SENT, 1) for pk in ids}
        result = Result(verdicts, [], dict.fromkeys(ids, content))
        record(batch, result, organization_id=self.campaign.organization_id, now=now)

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


def _claimed(delivery: Delivery) -> Claimed:
    member = delivery.member
    return Claimed(
        id=delivery.pk,
        step_id=delivery.step_id,
        work=delivery.work,
        n_attempts=0,
        content_id=delivery.content_id,
        received_at=delivery.received_at,
        member_id=member.pk,
        closing=delivery.recipient.closing,
        variables="{}",
        name=member.name,
        member_status=member.status,
        profile="{}",
        email=member.person.email,
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
