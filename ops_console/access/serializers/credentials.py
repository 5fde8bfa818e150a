"""Credentials as /api/v1 shows and takes them."""

from __future__ import annotations

from rest_framework import serializers

from ops_console.rest.fields import ActorField, InstantField, TextField
from ops_console.rest.serializers import StrictSerializer


class CredentialSerializer(StrictSerializer):
    """An account's credential, without its key."""

    id = serializers.UUIDField()
    account = serializers.CharField(source="account.username")
    organization = serializers.UUIDField(source="account.organization_id")
    auth_id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    created_by = ActorField(help_text="`staff` stands for a member of staff, but to staff.")
    created_at = InstantField()
    last_used_at = InstantField(allow_null=True, help_text="To the minute.")
    revoked_at = InstantField(allow_null=True)


class NewCredentialSerializer(StrictSerializer):
    """A credential to make."""

    account = TextField(max_length=40, help_text="The account's name.")
    label = TextField(max_length=100, required=False, allow_blank=True)  # type: ignore[assignment]


class IssuedCredentialSerializer(CredentialSerializer):
    """A credential just made."""

    auth_key = serializers.CharField(
        allow_null=True, help_text="Shown this once; null when an Idempotency-Key repeats the answer."
    )
