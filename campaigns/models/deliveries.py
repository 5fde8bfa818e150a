"""One delivery per campaign, step and member; its tries, its life, and the rendered message."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from campaigns.models.audiences import AudienceMember
from campaigns.models.campaigns import Campaign, CampaignStep
from campaigns.querysets import DeliveryQuerySet
from ops_console.organizations.models import Member
from ops_console.state_machine import TransitionEvent


class Content(models.Model):
    """A rendered message. Equal content of an organization is stored once."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, db_index=False, related_name="+")
    # SHA-256 of the rendered content; the wire's content_id in hexadecimal.
    digest = models.BinaryField(max_length=32)
    title = models.CharField(max_length=200, blank=True)
    summary = models.CharField(max_length=500, blank=True)
    preview = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)
    # In order: [{"id", "type", "label"}].
    actions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organization", "digest"], name="content_once")]

    def __str__(self) -> str:
        return self.title


class DeliveryStatus(models.TextChoices):
    """The wire's ``DeliveryStatus`` names without their prefix, in small letters."""

    PENDING = "pending", "Pending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    MISSED = "missed", "Missed"
    NO_DEVICE = "no_device", "No device"
    FAILED = "failed", "Failed"


class AttemptKind(models.TextChoices):
    SEND = "send", "Send"
    RETRY = "retry", "Retry"
    REMINDER = "reminder", "Reminder"


class Delivery(models.Model):
    """A member's message of one step. ``work`` and ``due_at`` say what workers have yet to do for it."""

    id = models.UUIDField(primary_key=True, db_default=RandomUUID(), editable=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="deliveries")
    step = models.ForeignKey(CampaignStep, models.CASCADE, db_index=False, related_name="deliveries")
    recipient = models.ForeignKey(AudienceMember, models.CASCADE, db_index=False, related_name="deliveries")
    member = models.ForeignKey(Member, models.CASCADE, db_index=False, related_name="+")
    status = models.CharField(max_length=12, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    content = models.ForeignKey(Content, models.PROTECT, null=True, blank=True, db_index=False, related_name="+")
    # Empty when there is nothing to do.
    work = models.CharField(max_length=8, choices=AttemptKind.choices, blank=True)
    # The next try, or under a lease its end: a delivery whose worker died is simply due again.
    due_at = models.DateTimeField(null=True, blank=True)
    # The claim that holds it; only this one may record.
    leased_by = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    n_attempts = models.PositiveSmallIntegerField(default=0)
    # Since when a provider puts it off, by a try or asking to be left alone; the campaign's resumption begins anew.
    tried_since = models.DateTimeField(null=True, blank=True)
    # Why it failed, or has no device.
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    # Its place in the recipient's inbox: unique and growing per member.
    received_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    acted_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campaign", "step", "recipient"], name="delivery_once"),
            models.UniqueConstraint(
                fields=["member", "received_at"], condition=~Q(received_at=None), name="delivery_inbox"
            ),
            models.CheckConstraint(
                name="delivery_work", condition=Q(work="", due_at=None) | (~Q(work="") & ~Q(due_at=None))
            ),
        ]
        indexes: ClassVar = [
            # The workers' claim.
            models.Index(fields=["campaign", "due_at"], condition=~Q(due_at=None), name="delivery_due"),
            # ListDeliveries of one status, retry, remind, MARK_MISSED.
            models.Index(fields=["campaign", "status", "id"], name="delivery_by_status"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class DeliveryEvent(TransitionEvent):
    """A move of a delivery from status to status."""

    subject = models.ForeignKey(Delivery, models.CASCADE, related_name="events")


class RecipientAction(models.Model):
    """What a recipient did with his delivery, and what his client sent along."""

    delivery = models.OneToOneField(Delivery, models.CASCADE, primary_key=True, related_name="action")
    # Of the content's actions.
    action_id = models.CharField(max_length=100)
    payload = models.BinaryField(max_length=10_000, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.action_id


class AttemptOutcome(models.TextChoices):
    ACCEPTED = "accepted", "Taken by the provider"
    REFUSED = "refused", "Refused for good"
    LATER = "later", "To be tried again"
    GONE = "gone", "The device is gone"
    NONE = "none", "There is no device"
    UNFIT = "unfit", "The message could not be made"


class Attempt(models.Model):
    """One try to hand a message over, and what came of it."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    kind = models.CharField(max_length=8, choices=AttemptKind.choices)
    # What carried it: the provider's name, or pigeon.
    carrier = models.CharField(max_length=16)
    outcome = models.CharField(max_length=8, choices=AttemptOutcome.choices)
    # What the provider said.
    detail = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind}: {self.outcome}"


class Inbox(models.Model):
    """The lock under which a member's deliveries get their places, and the last place given."""

    member = models.OneToOneField(Member, models.CASCADE, primary_key=True, related_name="+")
    last_received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.member_id}"
