"""Recordings of visits, what members agreed to, and what an organization says about replay."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from campaigns.models.campaigns import Campaign
from campaigns.querysets import (
    RecordingCampaignQuerySet,
    RecordingChunkQuerySet,
    RecordingQuerySet,
    ReplaySettingsQuerySet,
)
from ops_console.organizations.models import Member, Organization


class ReplayProviderName(models.TextChoices):
    LOCAL = "local", "This installation"
    POSTHOG = "posthog", "PostHog"


class ReplaySettings(models.Model):
    """Where an organization's recordings are, and how its members are recorded."""

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True, related_name="replay_settings")
    provider = models.CharField(
        max_length=8, choices=ReplayProviderName.choices, default=ReplayProviderName.LOCAL.value
    )
    # Whether members are asked if they may be recorded here.
    is_offered = models.BooleanField(default=True)
    masks_text = models.BooleanField(default=True)
    posthog_host = models.CharField(max_length=200, blank=True)
    posthog_project = models.CharField(max_length=100, blank=True)
    # Encrypted; empty without one. Never shown again, never logged.
    posthog_key = models.BinaryField(default=b"", blank=True)
    updated_at = models.DateTimeField()

    objects = ReplaySettingsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "replay settings"

    def __str__(self) -> str:
        return str(self.organization_id)


class Consent(models.Model):
    """What a member said about his touches and recordings of him; empty: was never asked."""

    member = models.OneToOneField(Member, models.CASCADE, primary_key=True, related_name="consent")
    touches = models.BooleanField(null=True)
    touches_at = models.DateTimeField(null=True)
    recording = models.BooleanField(null=True)
    recording_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(touches=None, touches_at=None) | Q(touches__isnull=False, touches_at__isnull=False),
                name="consent_touches_dated",
            ),
            models.CheckConstraint(
                condition=Q(recording=None, recording_at=None) | Q(recording__isnull=False, recording_at__isnull=False),
                name="consent_recording_dated",
            ),
        ]

    def __str__(self) -> str:
        return str(self.member_id)


class Recording(models.Model):
    """A visit of a member, as its page recorded it."""

    # The page's own choice.
    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="recordings", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="recordings")
    # By our clock (docs/replay.md).
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    # By the device's: milliseconds since 1970 of the first event and the last, and how far ours is ahead of it.
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    offset_ms = models.BigIntegerField()
    # Of all chunks, decompressed.
    n_bytes = models.PositiveIntegerField()
    n_chunks = models.PositiveIntegerField()
    # Seconds of the device's clock in which the member did something.
    n_active_seconds = models.PositiveIntegerField()
    # When the first chunk came.
    created_at = models.DateTimeField()

    objects = RecordingQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "-started_at", "-id"], name="recording_newest"),
            # The purge.
            models.Index(fields=["created_at"], name="recording_created"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ended_at__gte=models.F("started_at"), last_ms__gte=models.F("first_ms")),
                name="recording_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class RecordingCampaign(models.Model):
    """A campaign whose message was shown in a visit."""

    id = models.BigAutoField(primary_key=True)
    recording = models.ForeignKey(Recording, models.CASCADE, related_name="shown", db_index=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="recordings", db_index=False)
    # The recording's.
    started_at = models.DateTimeField()

    objects = RecordingCampaignQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["recording", "campaign"], name="recording_campaign_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["campaign", "-started_at", "-recording"], name="recording_campaign_newest"),
        ]

    def __str__(self) -> str:
        return str(self.campaign_id)


class RecordingChunk(models.Model):
    """Some seconds of a visit: a file of events."""

    id = models.BigAutoField(primary_key=True)
    recording = models.ForeignKey(Recording, models.CASCADE, related_name="chunks", db_index=False)
    # From 0, as the page counts.
    number = models.PositiveIntegerField()
    # Its name in Django's storage.
    file = models.CharField(max_length=200)
    # Decompressed.
    n_bytes = models.PositiveIntegerField()
    # SHA-256 of the events.
    digest = models.BinaryField(max_length=32)
    # By the device's clock: milliseconds since 1970 of the first event and the last.
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    # Seconds of the device's clock in which the member did something.
    active = ArrayField(models.BigIntegerField())
    received_at = models.DateTimeField()

    objects = RecordingChunkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Also the chunks of a recording in order.
            models.UniqueConstraint(fields=["recording", "number"], name="recording_chunk_once"),
        ]

    def __str__(self) -> str:
        return str(self.number)
