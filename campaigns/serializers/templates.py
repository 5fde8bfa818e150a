"""Templates as /api/v1 shows and takes them."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import serializers

from campaigns.models import TemplateType
from campaigns.rendering.compiled import TITLE_LENGTH
from campaigns.services.rendering import MOST_PREVIEWED, Rendering
from campaigns.services.templates import (
    BODY_LENGTH,
    DEFAULT_LENGTH,
    DESCRIPTION_LENGTH,
    MOST_VARIABLES,
    SOURCES,
    VARIABLE_NAME_LENGTH,
)
from ops_console.organizations.serializers.members import OWN, ReasonedSerializer
from ops_console.organizations.services.checks import NAME_LENGTH
from ops_console.rest.fields import BooleanField, ChoiceField, InstantField, IntegerField, ListField, TextField
from ops_console.rest.serializers import StrictSerializer

VALUE_LENGTH = 10_000


class VariableSerializer(StrictSerializer):
    """What stands for a value in title and body, as {{name}}."""

    name = TextField(max_length=VARIABLE_NAME_LENGTH)
    description = TextField(max_length=DESCRIPTION_LENGTH, required=False, allow_blank=True)
    required = BooleanField(  # type: ignore[assignment]
        required=False, help_text="A recipient without a value gets no message."
    )
    source = ChoiceField(  # type: ignore[assignment]
        choices=SOURCES,
        required=False,
        help_text="`profile`: where neither audience nor step give a value, the member's profile does.",
    )
    default_value = TextField(
        max_length=DEFAULT_LENGTH, required=False, allow_blank=True, help_text="Used when nothing else gives a value."
    )


class TemplateSerializer(StrictSerializer):
    """A template."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    name = serializers.CharField()
    title = serializers.CharField()
    type = serializers.ChoiceField(choices=TemplateType.choices)
    version = serializers.IntegerField(help_text="The newest.")
    created_by = serializers.UUIDField(
        source="created_by_id", allow_null=True, help_text="A member; null when staff made it."
    )
    created_at = InstantField()
    updated_at = InstantField(help_text="When the newest version was added.")


class TemplateVersionSerializer(StrictSerializer):
    """A template as it is in one version."""

    id = serializers.UUIDField(source="template_id")
    organization = serializers.UUIDField(source="template.organization_id")
    name = serializers.CharField(source="template.name")
    title = serializers.CharField(source="template.title")
    type = serializers.ChoiceField(choices=TemplateType.choices, source="template.type")
    version = serializers.IntegerField()
    body = serializers.CharField(help_text="As it was written; HTML is sanitized when it is rendered.")
    variables = VariableSerializer(many=True)
    created_by = serializers.UUIDField(
        source="created_by_id", allow_null=True, help_text="The member who made the version; null when staff did."
    )
    created_at = InstantField(source="template.created_at")
    updated_at = InstantField(source="created_at", help_text="When the version was added.")


class VersionSerializer(StrictSerializer):
    """One version in the list of a template's versions."""

    version = serializers.IntegerField()
    created_by = serializers.UUIDField(source="created_by_id", allow_null=True)
    created_at = InstantField()


class NewTemplateSerializer(StrictSerializer):
    """A template to make."""

    organization = serializers.UUIDField(required=False, help_text=OWN)
    name = TextField(max_length=NAME_LENGTH)
    title = TextField(max_length=TITLE_LENGTH, required=False, allow_blank=True)
    type = ChoiceField(choices=TemplateType.values, required=False, help_text="markdown when left out.")
    body = TextField(max_length=BODY_LENGTH, allow_blank=True)
    variables: Any = serializers.ListSerializer(child=VariableSerializer(), max_length=MOST_VARIABLES, required=False)


class TemplateChangeSerializer(ReasonedSerializer):
    """What the next version says; what is left out stays."""

    body = TextField(max_length=BODY_LENGTH, required=False, allow_blank=True)
    variables: Any = serializers.ListSerializer(
        child=VariableSerializer(), max_length=MOST_VARIABLES, required=False, help_text="Replaces all."
    )


class PreviewRequestSerializer(StrictSerializer):
    """Whom to render for."""

    version = IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, help_text="The newest when left out, or 0."
    )
    user_ids = ListField(child=serializers.UUIDField(), max_length=MOST_PREVIEWED, help_text="Members.")
    variables = serializers.DictField(
        child=TextField(max_length=VALUE_LENGTH, allow_blank=True),
        required=False,
        help_text="Values for all of them, as the audience of a campaign gives them.",
    )


class CampaignPreviewRequestSerializer(StrictSerializer):
    """Which recipients to render for."""

    user_ids = ListField(
        child=serializers.UUIDField(),
        max_length=MOST_PREVIEWED,
        required=False,
        help_text="Recipients of the campaign; its first 5 when left out.",
    )


class RenderedSerializer(StrictSerializer):
    """What one member would be sent, or why nothing."""

    user_id = serializers.UUIDField()
    email = serializers.CharField(source="recipient.email", default=None, allow_null=True)
    content_id = serializers.CharField(source="content.content_id", default=None, allow_null=True)
    title = serializers.CharField(source="content.title", default=None, allow_null=True)
    summary = serializers.CharField(source="content.summary", default=None, allow_null=True)
    preview = serializers.CharField(source="content.preview", default=None, allow_null=True)
    body = serializers.CharField(source="content.body", default=None, allow_null=True)
    actions = serializers.SerializerMethodField(help_text="The buttons below it: id, type and label.")
    error = serializers.CharField(help_text="Empty where there is a message.")

    def get_actions(self, made: Rendering) -> list[dict[str, str]]:
        actions: list[dict[str, str]] = json.loads(made.content.actions) if made.content else []
        return actions


class PreviewSerializer(StrictSerializer):
    """A template tried on members."""

    version = serializers.IntegerField()
    results = RenderedSerializer(many=True)
