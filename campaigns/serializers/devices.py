"""Devices and push credentials as /api/v1 shows and takes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.models import Platform, PushProvider
from ops_console.rest.fields import ChoiceField, InstantField
from ops_console.rest.serializers import StrictSerializer


class DeviceSerializer(StrictSerializer):
    """A device, without its token."""

    id = serializers.UUIDField()
    device_id = serializers.UUIDField(help_text="The client's own name for it.")
    user = serializers.UUIDField(source="member_id")
    organization = serializers.UUIDField(source="member.organization_id")
    platform = serializers.ChoiceField(choices=Platform.choices)
    active = serializers.BooleanField(source="is_active")
    end_reason = serializers.CharField(help_text="Why it is active no longer; empty while it is.")
    last_seen = InstantField()
    created_at = InstantField()


class PushCredentialSerializer(StrictSerializer):
    """What a provider knows an organization by, without its secret."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    provider = serializers.ChoiceField(choices=PushProvider.choices)
    # DRF's base class has an attribute of that name.
    label = serializers.CharField(  # type: ignore[assignment]
        help_text="What may be shown of it: the project, key id and app, or the public key."
    )
    created_at = InstantField()


class VapidKeySerializer(StrictSerializer):
    """What browsers subscribe to notifications with."""

    public_key = serializers.CharField(
        allow_null=True, help_text="An uncompressed point on P-256 in base64url (RFC 8292); null without credentials."
    )


@extend_schema_field({"type": "object", "additionalProperties": True, "writeOnly": True})
class SecretField(serializers.Field[Any, Any, Any, Any]):
    """An object whose members the service checks."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.", "invalid")
        return data


class NewPushCredentialSerializer(StrictSerializer):
    organization = serializers.UUIDField(required=False, help_text="Staff must say it; for others it is their own.")
    provider = ChoiceField(choices=PushProvider.values)
    secret = SecretField(help_text="By provider, as in the examples. Never shown again.")
