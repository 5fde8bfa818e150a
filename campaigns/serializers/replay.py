"""Recordings, consents and what organizations say of replay as /api/v1 shows them."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from campaigns.models import ReplayProviderName
from campaigns.replay.events import LAST_MS, MOST_CHUNKS
from campaigns.replay.settings import HOST_LENGTH, KEY_LENGTH, PROJECT_LENGTH
from ops_console.rest.fields import BooleanField, ChoiceField, InstantField, TextField
from ops_console.rest.serializers import StrictSerializer


class RecordingSerializer(StrictSerializer):
    """The recording of a visit."""

    id = serializers.CharField()
    user = serializers.CharField(
        source="analytics_user_id", help_text="Who it was, as the provider knows him; here, the member's id."
    )
    email = serializers.CharField(help_text="The member's; empty where nobody knows it.")
    started_at = InstantField()
    ended_at = InstantField()
    activity_score = serializers.FloatField(
        help_text="From 0 to 100: the share of its seconds in which the member did something."
    )


@extend_schema_serializer(many=False)
class RecordingPageSerializer(StrictSerializer):
    """Some recordings, and where those that follow are."""

    results = RecordingSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Give it as cursor.")
    next = serializers.URLField(allow_null=True)


# Written out: a serializer reads some tens of thousands of events too slowly.
CHUNK = {
    "type": "object",
    "description": "Some seconds of a visit.",
    "required": ["number", "events"],
    "additionalProperties": False,
    "properties": {
        "number": {"type": "integer", "minimum": 0, "maximum": MOST_CHUNKS - 1, "description": "Counts from 0."},
        "events": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "description": "An event as rrweb emits it; it may have further members.",
                "required": ["type", "timestamp", "data"],
                "properties": {
                    "type": {"type": "integer", "minimum": 0, "maximum": 7},
                    "timestamp": {
                        "type": "number",
                        "minimum": 0,
                        "maximum": LAST_MS,
                        "description": "Milliseconds since 1970, by the device's clock.",
                    },
                    "data": {"type": "object"},
                },
            },
        },
    },
}


class TakenChunkSerializer(StrictSerializer):
    """What became of a chunk."""

    recording = serializers.UUIDField(source="recording.pk")
    number = serializers.IntegerField()
    n_bytes = serializers.IntegerField(
        source="recording.n_bytes", help_text="Of all chunks of the recording, decompressed."
    )


class ConsentsSerializer(StrictSerializer):
    """What a member agreed to; null: was never asked."""

    touches = serializers.BooleanField(allow_null=True)
    recording = serializers.BooleanField(allow_null=True)
    is_recording_offered = serializers.BooleanField(help_text="Whether visits can be recorded at all.")
    is_text_masked = serializers.BooleanField(help_text="Whether text is to be masked where it is recorded.")


class ConsentsChangeSerializer(StrictSerializer):
    """What is left out stays."""

    touches = BooleanField(required=False)
    recording = BooleanField(required=False)


class ReplaySettingsSerializer(StrictSerializer):
    """What an organization says about replay."""

    organization = serializers.UUIDField(source="organization_id")
    provider = serializers.ChoiceField(ReplayProviderName.choices)
    is_offered = serializers.BooleanField()
    masks_text = serializers.BooleanField()
    posthog_host = serializers.CharField()
    posthog_project = serializers.CharField()
    has_posthog_key = serializers.SerializerMethodField("has_key")

    def has_key(self, settings: object) -> bool:
        return bool(getattr(settings, "posthog_key", b""))


class ReplaySettingsChangeSerializer(StrictSerializer):
    """All of it; only the key may be left out, and stays then."""

    provider = ChoiceField(ReplayProviderName.choices, help_text="Where recordings are kept and read.")
    is_offered = BooleanField(help_text="Whether members are asked if their visits may be recorded here.")
    masks_text = BooleanField(help_text="Whether the page hides all text in what it records.")
    posthog_host = TextField(required=False, allow_blank=True, max_length=HOST_LENGTH, help_text="Its address.")
    posthog_project = TextField(required=False, allow_blank=True, max_length=PROJECT_LENGTH)
    posthog_key = TextField(
        required=False,
        allow_blank=True,
        write_only=True,
        max_length=KEY_LENGTH,
        help_text="A personal API key; shown to nobody again. Empty: none. Needed anew for another host.",
    )
    reason = TextField(required=False, max_length=200)
