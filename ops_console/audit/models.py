"""Who did what: hash-chained, one chain per organization and one for the platform."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class AuditChain(models.Model):
    """Length and head of a chain, moved in the transaction that appends to it."""

    # An organization's id, or "platform".
    key = models.CharField(max_length=36, primary_key=True)
    length = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes(32))

    def __str__(self) -> str:
        return self.key


class AuditEntry(models.Model):
    """One action that changed something. Insert-only by trigger."""

    id = models.BigAutoField(primary_key=True)
    chain = models.ForeignKey(AuditChain, models.PROTECT, related_name="entries")
    # 1 is the chain's first.
    position = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    # Namespaced verb: "message.hold", "refund.approve".
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=32)
    target_id = models.CharField(max_length=64)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    hash = models.BinaryField(max_length=32)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            # The audit list, newest first, and the trail of one thing.
            models.Index(fields=["at", "id"], name="audit_at"),
            models.Index(fields=["target_type", "target_id", "id"], name="audit_target"),
            # The audit list of one organization, of one actor and of one kind of action.
            models.Index(fields=["chain", "at", "id"], name="audit_chain_at"),
            models.Index(fields=["actor", "at", "id"], name="audit_actor_at"),
            models.Index(fields=["action", "at", "id"], name="audit_action_at"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["chain", "position"], name="audit_position_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"
