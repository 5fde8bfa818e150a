"""Deliveries as /api/v1 shows them."""

from __future__ import annotations

from base64 import b64encode

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.models import AttemptKind, Delivery, DeliveryStatus
from campaigns.services.timelines import ORDER
from ops_console.rest.fields import ActorField, InstantField
from ops_console.rest.serializers import StrictSerializer


class DeliverySerializer(StrictSerializer):
    """What one recipient is sent by one step."""

    id = serializers.UUIDField()
    campaign = serializers.UUIDField(source="campaign_id")
    step = serializers.CharField(source="step.key")
    user_id = serializers.UUIDField(source="member_id")
    email = serializers.CharField(source="member.person.email")
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    reason = serializers.CharField(help_text="Why it failed, or reached no device.")
    work = serializers.ChoiceField(choices=[("", "None"), *AttemptKind.choices], help_text="What is yet to be done.")
    due_at = InstantField(allow_null=True, help_text="When that is tried next.")
    attempts = serializers.IntegerField(source="n_attempts", help_text="Tries of the latest piece of work.")
    created_at = InstantField()
    sent_at = InstantField(allow_null=True)
    delivered_at = InstantField(allow_null=True)
    read_at = InstantField(allow_null=True)
    acted_at = InstantField(allow_null=True)
    action = serializers.CharField(
        source="action.action_id", allow_null=True, default=None, help_text="What the recipient did: an action's id."
    )


class MomentSerializer(StrictSerializer):
    """One thing that happened to a message."""

    at = InstantField()
    what = serializers.ChoiceField(choices=ORDER)
    detail = serializers.CharField()
    actor = ActorField(help_text="Who did it, where it was somebody's doing.")


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with all that happened to it, oldest first."""

    payload = serializers.SerializerMethodField(help_text="What the recipient's client sent along, in Base64.")
    timeline = MomentSerializer(many=True)

    @extend_schema_field({"type": "string", "format": "byte", "nullable": True})
    def get_payload(self, delivery: Delivery) -> str | None:
        done = getattr(delivery, "action", None)
        return b64encode(done.payload).decode() if done else None
