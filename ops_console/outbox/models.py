"""Signed webhooks waiting to go out, each try of them, and the secrets they are signed with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from ops_console.outbox.querysets import SilentHostQuerySet, WebhookQuerySet, WebhookSecretQuerySet
from ops_console.state_machine import TransitionEvent


class WebhookSecret(models.Model):
    """An organization's signing secret, encrypted; a replaced one signs beside the new until it expires."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, related_name="webhook_secrets")
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField()
    # Empty on the current one.
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookSecretQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [("rotate_secret", "Can replace an organization's webhook secret")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization"], condition=Q(expires_at=None), name="webhook_secret_one_current"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class WebhookStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"


PENDING = Q(status="pending")


class Webhook(models.Model):
    """One event to be POSTed to one address. Its id is the ``webhook-id`` the receiver de-duplicates by."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        "organizations.Organization", models.CASCADE, db_index=False, related_name="webhooks"
    )
    url = models.CharField(max_length=2048)
    # Name and port of the URL: the receivers share the workers evenly.
    host = models.CharField(max_length=261)
    event = models.CharField(max_length=64)
    # What it is about: a msgId, or a campaign's id.
    reference = models.CharField(max_length=40)
    # JSON text: the same bytes go out at every try.
    payload = models.TextField()
    # Of the receiver's own, encrypted: they may hold secrets. Null when there are none.
    headers = models.BinaryField(null=True, blank=True)
    # The first one's id, of those that tell one thing in parts; null when it stands alone.
    series = models.UUIDField(null=True, blank=True)
    status = models.CharField(max_length=12, choices=WebhookStatus.choices, default=WebhookStatus.PENDING)
    n_attempts = models.PositiveIntegerField(default=0)
    # Failed tries since it was queued or replayed; the wait before the next one grows with them.
    n_failures = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    # The next try, or under a lease its end: a webhook whose worker died is simply due again.
    due_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    leased_by = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [("replay_webhook", "Can send a webhook again")]
        indexes: ClassVar = [
            # The worker's claim: which hosts have work, then the next of each.
            models.Index(fields=["host", "due_at"], condition=PENDING, name="webhook_due"),
            # The worker's claim: how many of a host are under way.
            models.Index(fields=["host"], condition=PENDING & ~Q(leased_by=""), name="webhook_leased"),
            # Giving up.
            models.Index(fields=["give_up_at"], condition=PENDING, name="webhook_give_up"),
            # The purge.
            models.Index(fields=["ended_at"], condition=~PENDING, name="webhook_ended"),
            # The console's list and one organization's, and the webhooks of one message.
            models.Index(fields=["created_at", "id"], name="webhook_created"),
            models.Index(fields=["organization", "created_at", "id"], name="webhook_org_created"),
            models.Index(fields=["reference"], name="webhook_reference"),
            # How a series stands.
            models.Index(fields=["series", "status"], condition=~Q(series=None), name="webhook_series"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.reference}"


class WebhookEvent(TransitionEvent):
    """A webhook's moves between states."""

    subject = models.ForeignKey(Webhook, models.CASCADE, related_name="events")

    def __str__(self) -> str:
        return f"{self.subject_id} {self.to_status}"


class WebhookAttempt(models.Model):
    """One try: what the receiver answered, or why none came."""

    id = models.BigAutoField(primary_key=True)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook", "number"], name="webhook_attempt_number"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.number}"


class SilentHost(models.Model):
    """A host that did not answer lately: it rests, then gets one webhook at a time until it answers."""

    host = models.CharField(max_length=261, primary_key=True)
    n_failures = models.PositiveIntegerField()
    rests_until = models.DateTimeField()

    objects = SilentHostQuerySet.as_manager()

    def __str__(self) -> str:
        return self.host
