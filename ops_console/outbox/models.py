"""Signed webhooks waiting to go out, each try of them, and the secrets they are signed with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from uuid6 import uuid7


class WebhookSecret(models.Model):
    """An organization's signing secret, encrypted; a replaced one signs beside the new until it expires."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, related_name="webhook_secrets")
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField()
    # Empty on the current one.
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
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


class Webhook(models.Model):
    """One event to be POSTed to one address. Its id is the ``webhook-id`` the receiver de-duplicates by."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=2048)
    event = models.CharField(max_length=64)
    # What it is about: a msgId.
    reference = models.CharField(max_length=40)
    payload = models.JSONField()
    status = models.CharField(max_length=12, choices=WebhookStatus.choices, default=WebhookStatus.PENDING)
    n_attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    leased_by = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            # The worker's claim.
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="webhook_due"),
            # The console's list, and the webhooks of one message.
            models.Index(fields=["created_at", "id"], name="webhook_created"),
            models.Index(fields=["reference"], name="webhook_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.reference}"


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
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook", "number"], name="webhook_attempt_number"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.number}"
