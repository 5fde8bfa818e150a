"""Heatmaps, screens and their pictures as /api/v1 shows them."""

from __future__ import annotations

from rest_framework import serializers

from campaigns.heatmaps import screenshots
from campaigns.heatmaps.privacy import MOST_MIN_USERS
from campaigns.models import Screenshot
from ops_console.rest.fields import InstantField, IntegerField, TextField
from ops_console.rest.serializers import StrictSerializer


class ScreenSerializer(StrictSerializer):
    """A screen that was touched or pictured."""

    id = serializers.IntegerField()
    organization = serializers.UUIDField(source="organization_id")
    name = serializers.CharField()
    seen_on = serializers.DateField(help_text="The last day, in UTC, on which it was touched or pictured.")


class ScreenshotSerializer(StrictSerializer):
    """The newest picture of a screen in one version of the app."""

    id = serializers.UUIDField()
    screen = serializers.CharField(source="screen.name")
    organization = serializers.UUIDField(source="screen.organization_id")
    app_version = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    uploaded_at = InstantField()
    url = serializers.SerializerMethodField(help_text="Good for a while, for whoever has it.")

    def get_url(self, screenshot: Screenshot) -> str:
        return screenshots.url_of(screenshot)


class HeatmapPointSerializer(StrictSerializer):
    """A cell by its centre, in shares of the screen."""

    x = serializers.FloatField()
    y = serializers.FloatField()
    value = serializers.FloatField()


class HeatmapUserCountSerializer(StrictSerializer):
    """How often a user touched the screen."""

    user = serializers.UUIDField(source="user_id")
    email = serializers.CharField()
    count = serializers.IntegerField(source="n")


class HeatmapSerializer(StrictSerializer):
    """Where a screen was touched."""

    date_from = InstantField()
    date_to = InstantField()
    grid_resolution = serializers.FloatField(source="grid.resolution", help_text="The side of a cell.")
    min_users = serializers.IntegerField(help_text="Cells that fewer people touched are left out of total and median.")
    points = HeatmapPointSerializer(many=True)
    user_counts = HeatmapUserCountSerializer(
        many=True, help_text="The busiest 1,000, first; none where one user is told from others."
    )
    screenshot_url = serializers.SerializerMethodField("address_of_screenshot", allow_null=True)

    def address_of_screenshot(self, heatmap: object) -> str | None:
        screenshot: Screenshot | None = getattr(heatmap, "screenshot", None)
        return screenshots.url_of(screenshot) if screenshot else None


class HeatmapSettingsSerializer(StrictSerializer):
    """What an organization says about its heatmaps."""

    organization = serializers.UUIDField(source="organization_id")
    min_users = serializers.IntegerField(allow_null=True, help_text="null: as the installation has it.")


class HeatmapSettingsChangeSerializer(StrictSerializer):
    min_users = IntegerField(
        allow_null=True, help_text=f"From 1 to {MOST_MIN_USERS}; null is the installation's number."
    )
    reason = TextField(required=False, max_length=200)
