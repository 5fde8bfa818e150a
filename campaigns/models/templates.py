"""Templates and their versions, which are only ever added to."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from uuid6 import uuid7

from campaigns.querysets import TemplateVersionQuerySet
from ops_console.organizations.querysets import TenantQuerySet


class TemplateType(models.TextChoices):
    """The wire's ``TemplateType`` names without their prefix, in small letters; RICH is refused."""

    MARKDOWN = "markdown", "Markdown"
    HTML = "html", "HTML"


class Template(models.Model):
    """A message with placeholders; body and variables are those of its newest version."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, db_index=False, related_name="+")
    name = models.CharField(max_length=200)
    title = models.CharField(max_length=200, blank=True)
    type = models.CharField(max_length=8, choices=TemplateType.choices, default=TemplateType.MARKDOWN)
    # The newest there is.
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(
        "organizations.Member", models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        # ListTemplates, of all types or of one.
        indexes: ClassVar = [
            models.Index(fields=["organization", "id"], name="template_of_organization"),
            models.Index(fields=["organization", "type", "id"], name="template_of_type"),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """What a template said from one change to the next. Rows are insert-only, by trigger."""

    id = models.BigAutoField(primary_key=True)
    template = models.ForeignKey(Template, models.CASCADE, db_index=False, related_name="versions")
    version = models.PositiveIntegerField()
    body = models.TextField(blank=True)
    # In order, under the wire's field names: [{"name", "description", "required", "source", "default_value"}];
    # ``source`` is "profile" or "custom".
    variables = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        "organizations.Member", models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    created_at = models.DateTimeField()

    objects = TemplateVersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["template", "version"], name="template_version_once")]

    def __str__(self) -> str:
        return f"version {self.version}"
