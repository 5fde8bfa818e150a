"""E-mails on their way out. What they say is encrypted, and gone once they are sent."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid6 import uuid7


class Letter(models.Model):
    """An e-mail to one address: kept until the mail server took it, or its time was over."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    to = models.CharField(max_length=254)
    # Which of templates/mail it was written from.
    template = models.CharField(max_length=64)
    # Subject, text and HTML as JSON, encrypted; null once it has ended.
    content = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    # When to try (again); while somebody sends it, when his lease is over.
    due_at = models.DateTimeField()
    leased_by = models.CharField(max_length=100, blank=True)
    # Sent later it would be of no use.
    give_up_at = models.DateTimeField()
    n_failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            # What is to be sent, longest due first.
            models.Index(fields=["due_at"], condition=models.Q(content__isnull=False), name="letter_due"),
            # The purge.
            models.Index(fields=["created_at"], name="letter_created"),
        ]

    def __str__(self) -> str:
        return f"{self.template} to {self.to}"
