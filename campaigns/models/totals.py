"""What is counted over all campaigns there ever were, so that nobody has to count their rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from campaigns.querysets import AttemptFlowQuerySet


class DeliveryTotal(models.Model):
    """How many deliveries ever moved from one status to another; brought up to date when flows are folded."""

    id = models.BigAutoField(primary_key=True)
    # Empty when the delivery was created.
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    n = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["from_status", "to_status"], name="delivery_total")]

    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status}: {self.n}"


class AttemptFlow(models.Model):
    """How many attempts had an outcome: a row appended with each batch, folded together by a task."""

    id = models.BigAutoField(primary_key=True)
    carrier = models.CharField(max_length=16)
    outcome = models.CharField(max_length=8)
    n = models.BigIntegerField()

    objects = AttemptFlowQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.carrier} {self.outcome}: {self.n}"
