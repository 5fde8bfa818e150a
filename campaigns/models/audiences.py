"""Whom a campaign is for."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from campaigns.models.campaigns import Campaign
from ops_console.organizations.models import Member


class Closing(models.TextChoices):
    """How a member stands to a campaign."""

    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    MISSED = "missed", "Missed"


class AudienceMember(models.Model):
    """A member a campaign is for, with the values of this campaign only. Frozen when the campaign is created."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="audience")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    variables = models.JSONField(default=dict, blank=True)
    closing = models.CharField(max_length=12, choices=Closing.choices, default=Closing.OPEN)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["campaign", "member"], name="audience_member_once")]
        indexes: ClassVar = [
            # A step's entry: those still open.
            models.Index(fields=["campaign", "id"], condition=Q(closing="open"), name="audience_open"),
            # Those who acknowledged, or missed it.
            models.Index(fields=["campaign", "closing", "id"], condition=~Q(closing="open"), name="audience_closed"),
            # The audience in its own order.
            models.Index(fields=["campaign", "id"], name="audience_of_campaign"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}"
