"""Keys of organizations and of services as /api/v1 shows and takes them."""

from __future__ import annotations

from rest_framework import serializers

from ops_console.access.models import ServiceScope
from ops_console.organizations.rights import Right
from ops_console.rest.fields import ActorField, ChoiceField, InstantField, ListField, TextField
from ops_console.rest.serializers import StrictSerializer

ONCE = "Shown this once; null when an Idempotency-Key repeats the answer."


class ApiKeySerializer(StrictSerializer):
    """An organization's key, without its secret."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    name = serializers.CharField()
    key_prefix = serializers.CharField(help_text="The key's first characters, by which keys are told apart.")
    permissions = serializers.ListField(
        source="rights",
        child=serializers.ChoiceField(choices=[right.value for right in Right]),
        help_text="It has those among them that its creator holds at the time.",
    )
    creator = serializers.UUIDField(source="creator_id", help_text="The member it acts as.")
    creator_email = serializers.CharField(source="creator.person.email")
    created_at = InstantField()
    last_used_at = InstantField(allow_null=True, help_text="To the minute.")
    expires_at = InstantField(allow_null=True)
    revoked_at = InstantField(allow_null=True)


class NewApiKeySerializer(StrictSerializer):
    """A key to make, which acts as its maker."""

    name = TextField(max_length=200)
    permissions = ListField(
        child=ChoiceField(choices=[right.value for right in Right]),
        min_length=1,
        max_length=100,
        help_text="Each must be one's own.",
    )
    expires_at = InstantField(required=False, allow_null=True, help_text="Never when left out.")


class IssuedApiKeySerializer(ApiKeySerializer):
    """A key just made."""

    key = serializers.CharField(allow_null=True, help_text=ONCE)


class ServiceKeySerializer(StrictSerializer):
    """A service's key, without its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    scope = serializers.ChoiceField(choices=ServiceScope.choices)
    key_prefix = serializers.CharField(help_text="The key's first characters, by which keys are told apart.")
    created_by = ActorField()
    created_at = InstantField()
    last_used_at = InstantField(allow_null=True, help_text="To the minute.")
    revoked_at = InstantField(allow_null=True)


class NewServiceKeySerializer(StrictSerializer):
    """A service's key to make."""

    name = TextField(max_length=200)
    scope = ChoiceField(choices=ServiceScope.values)


class IssuedServiceKeySerializer(ServiceKeySerializer):
    """A service's key just made."""

    key = serializers.CharField(allow_null=True, help_text=ONCE)
