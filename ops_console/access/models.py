"""What lets a caller in, and what remembers that a request was already carried out."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid6 import uuid7


class AccountCredential(models.Model):
    """An Auth ID with its Auth Key, of which only the SHA-256 digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey("ledger.Account", models.CASCADE, related_name="credentials")
    auth_id = models.CharField(max_length=64, unique=True)
    key_digest = models.BinaryField(max_length=32)
    label = models.CharField(max_length=100, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions: ClassVar = [
            ("create_credential", "Can open a credential on an account"),
            ("revoke_credential", "Can revoke a credential"),
        ]

    def __str__(self) -> str:
        return self.auth_id


class IdempotencyRecord(models.Model):
    """The answer given to a request that carried an Idempotency-Key."""

    id = models.BigAutoField(primary_key=True)
    # SHA-256 over organization, caller, endpoint and key: what the key is scoped to.
    scope = models.BinaryField(max_length=32, unique=True)
    request_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        # The purge of answers older than 24 h.
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_created")]

    def __str__(self) -> str:
        return f"{self.status} at {self.created_at}"
