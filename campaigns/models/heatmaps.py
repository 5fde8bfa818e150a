"""Screens of apps, their pictures, and what an organization says about heatmaps of them.

Touches have no model: they are written by COPY and read in columns (``campaigns/heatmaps``).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from campaigns.querysets import HeatmapSettingsQuerySet, ScreenQuerySet, ScreenshotQuerySet
from ops_console.organizations.models import Member, Organization

NAME_LENGTH = 200
VERSION_LENGTH = 100


class Screen(models.Model):
    """A screen that was touched or pictured, by the name its app gives it."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="screens", db_index=False)
    name = models.CharField(max_length=NAME_LENGTH)
    # The last day, in UTC, on which it was touched or pictured.
    seen_on = models.DateField()

    objects = ScreenQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Also an organization's screens by name.
            models.UniqueConstraint(fields=["organization", "name"], name="screen_once"),
        ]
        indexes: ClassVar = [
            # The purge.
            models.Index(fields=["seen_on"], name="screen_seen_on"),
        ]

    def __str__(self) -> str:
        return self.name


class Screenshot(models.Model):
    """The latest picture of a screen in one version of the app."""

    # A newer picture is another row: an address leads to what it was made for, or nowhere.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    screen = models.ForeignKey(Screen, models.CASCADE, related_name="screenshots", db_index=False)
    app_version = models.CharField(max_length=VERSION_LENGTH, blank=True)
    # Its name in Django's storage.
    file = models.CharField(max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    n_bytes = models.PositiveIntegerField()
    uploaded_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    uploaded_at = models.DateTimeField()

    objects = ScreenshotQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Also the pictures of a screen.
            models.UniqueConstraint(fields=["screen", "app_version"], name="screenshot_once"),
            # Whether a file is some picture's.
            models.UniqueConstraint(fields=["file"], name="screenshot_file_once"),
        ]

    def __str__(self) -> str:
        return self.app_version or "no version"


class HeatmapSettings(models.Model):
    """What an organization says about heatmaps in place of the installation."""

    organization = models.OneToOneField(Organization, models.CASCADE, primary_key=True, related_name="heatmap_settings")
    # The fewest people that a cell is shown for; empty: as the installation has it.
    min_users = models.PositiveSmallIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField()

    objects = HeatmapSettingsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "heatmap settings"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(min_users=None) | Q(min_users__gte=1), name="heatmap_min_users_positive"
            ),
        ]

    def __str__(self) -> str:
        return str(self.organization_id)
