"""Devices of members, and what push providers know an organization by."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from campaigns.querysets import DeviceQuerySet, PushCredentialQuerySet
from ops_console.organizations.models import Member


class Platform(models.TextChoices):
    """The wire's ``Platform`` names without their prefix, in small letters."""

    IOS = "ios", "iOS"
    ANDROID = "android", "Android"
    WEB = "web", "Web"


class Device(models.Model):
    """An installation of the app, or a browser, that a member's messages are pushed to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="devices", db_index=False)
    # The client's own name for the installation; the wire's device_id.
    device_id = models.UUIDField()
    platform = models.CharField(max_length=8, choices=Platform.choices)
    # Never shown again, never logged.
    push_token = models.TextField(blank=True)
    # SHA-256 of the token, which is too long for an index; empty without one.
    token_digest = models.BinaryField(max_length=32, default=b"")
    is_active = models.BooleanField(default=True)
    # Why it is no longer: the member said so, its token went to another, the provider called it dead.
    end_reason = models.CharField(max_length=200, blank=True)
    last_seen = models.DateTimeField()
    created_at = models.DateTimeField()

    objects = DeviceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Also the list of a member's devices.
            models.UniqueConstraint(fields=["member", "device_id"], name="device_once"),
            # A token belongs to one device at a time.
            models.UniqueConstraint(
                fields=["token_digest"], condition=Q(is_active=True) & ~Q(token_digest=b""), name="device_token_once"
            ),
        ]
        indexes: ClassVar = [
            # Whom a batch reaches.
            models.Index(fields=["member"], condition=Q(is_active=True), name="device_active"),
            # Staff who are told a device's own name.
            models.Index(fields=["device_id"], name="device_by_name"),
        ]

    def __str__(self) -> str:
        return str(self.device_id)


class PushProvider(models.TextChoices):
    FCM = "fcm", "Firebase Cloud Messaging"
    APNS = "apns", "Apple Push Notification service"
    WEBPUSH = "webpush", "Web Push"


class PushCredential(models.Model):
    """What an organization's messages are handed to a provider with, encrypted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, related_name="push_credentials")
    provider = models.CharField(max_length=8, choices=PushProvider.choices)
    # What may be shown of it: key id and topic, project, public key.
    label = models.CharField(max_length=200)
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField()

    objects = PushCredentialQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "provider"], name="push_credential_once"),
        ]

    def __str__(self) -> str:
        return self.label
