"""Which Pigeon Protocol message carries a delivery."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from campaigns.models.deliveries import AttemptKind, Delivery
from campaigns.querysets import PigeonPostQuerySet


class PigeonPost(models.Model):
    """A message that was queued for a delivery: the first, one of a retry, or a reminder's."""

    message = models.OneToOneField("pigeon_messages.Message", models.PROTECT, primary_key=True, related_name="+")
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="pigeon_posts")
    kind = models.CharField(max_length=8, choices=AttemptKind.choices)
    # When to see what became of it; empty once its end is written down.
    look_at = models.DateTimeField(null=True, blank=True)

    objects = PigeonPostQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["look_at"], condition=~Q(look_at=None), name="pigeon_post_due"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} by {self.message_id}"
