"""Webhooks and secrets as /api/v1 shows them."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from ops_console.outbox.models import WebhookStatus
from ops_console.rest.fields import InstantField
from ops_console.rest.serializers import StrictSerializer


@extend_schema_field({"type": "object", "additionalProperties": {}})
class PayloadField(serializers.Field[Any, Any, Any, Any]):
    """What the event tells: the ``data`` of the body."""

    def to_representation(self, value: str) -> Any:
        return json.loads(value)


class AttemptSerializer(StrictSerializer):
    number = serializers.IntegerField()
    at = InstantField()
    duration_ms = serializers.IntegerField()
    status_code = serializers.IntegerField(allow_null=True, help_text="Null when no answer came.")
    error = serializers.CharField(help_text="Why no answer came.")


class WebhookSerializer(StrictSerializer):
    id = serializers.UUIDField(help_text="The webhook-id header, by which receivers tell repetitions.")
    organization = serializers.UUIDField(source="organization_id")
    event = serializers.CharField()
    reference = serializers.CharField(help_text="What it is about: a msgId, or a campaign's id.")
    url = serializers.CharField()
    status = serializers.ChoiceField(choices=WebhookStatus.choices)
    n_attempts = serializers.IntegerField()
    created_at = InstantField()
    due_at = InstantField(help_text="The next try, while it is pending.")
    give_up_at = InstantField()
    ended_at = InstantField(allow_null=True)


class WebhookDetailSerializer(WebhookSerializer):
    payload = PayloadField()
    attempts = AttemptSerializer(many=True)


@extend_schema_serializer(many=False)
class SecretStateSerializer(StrictSerializer):
    exists = serializers.BooleanField()
    created_at = InstantField(allow_null=True)
    previous_expires_at = InstantField(allow_null=True, help_text="Until then a replaced secret signs as well.")


class NewSecretSerializer(SecretStateSerializer):
    secret = serializers.CharField(
        allow_null=True, help_text="Shown this once; null when an Idempotency-Key repeats the answer."
    )
