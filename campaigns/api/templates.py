"""/api/v1/templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.filters import TemplateFilter
from campaigns.models import Template, TemplateVersion
from campaigns.serializers.templates import (
    NewTemplateSerializer,
    PreviewRequestSerializer,
    PreviewSerializer,
    TemplateChangeSerializer,
    TemplateSerializer,
    TemplateVersionSerializer,
    VersionSerializer,
)
from campaigns.services import rendering, templates
from campaigns.services.templates import NewVariable
from ops_console.organizations.api.members import id_of
from ops_console.rest.pagination import Orderings
from ops_console.rest.problems import InvalidParameter
from ops_console.rest.views import ResourceViewSet, answer

SHIFT = OpenApiExample(
    "A change of shift",
    value={
        "name": "Shift change",
        "title": "Your shift on {{day}}",
        "type": "markdown",
        "body": "Dear **{{first_name}}**,\n\nyou fly on {{day}}.",
        "variables": [
            {"name": "first_name", "source": "profile", "defaultValue": "colleague"},
            {"name": "day", "required": True},
        ],
    },
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListTemplates",
        summary="List templates",
        description="Without bodies. `search` is any part of a name.",
    ),
)
class TemplateViewSet(ListModelMixin, ResourceViewSet):
    resource = "templates"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {
        "partial_update": "update",
        "versions": "retrieve",
        "preview": "retrieve",
    }
    filterset_class = TemplateFilter
    search_fields = ("name__icontains",)
    serializer_class = TemplateSerializer
    queryset = Template.objects.all()

    @extend_schema(
        operation_id="opsGetTemplate",
        summary="Read a template",
        description="In its newest version, or the one asked for.",
        parameters=[OpenApiParameter("version", {"type": "integer", "minimum": 0, "maximum": 2**31 - 1})],
        responses=TemplateVersionSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        version = version_of(request.query_params.get("version", "0"))
        return shown(templates.get_template(template_id=id_of(pk), version=version, actor=self.actor))

    @extend_schema(
        operation_id="opsCreateTemplate",
        summary="Make a template",
        description="As its version 1. A placeholder in title or body must be among the variables, and stand where any "
        "value is safe: in Markdown in text, in HTML in text or in a quoted attribute that holds no address, script or "
        "style.",
        request=NewTemplateSerializer,
        responses={201: TemplateVersionSerializer},
        examples=[SHIFT],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewTemplateSerializer(data=request.data).parsed()
        made = templates.create_template(
            organization_id=parsed.pop("organization", None),
            variables=variables_of(parsed.pop("variables", [])),
            title=parsed.pop("title", ""),
            actor=self.actor,
            now=self.now,
            **parsed,
        )
        return shown(made, status=201, headers={"Location": f"/api/v1/templates/{made.template_id}"})

    @extend_schema(
        operation_id="opsUpdateTemplate",
        summary="Change a template",
        description="Adds a version; the ones before stay as they are, and so do the campaigns that use them.",
        request=TemplateChangeSerializer,
        responses=TemplateVersionSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        parsed = TemplateChangeSerializer(data=request.data).parsed()
        changed = templates.update_template(
            template_id=id_of(pk),
            body=parsed.get("body"),
            variables=variables_of(parsed["variables"]) if "variables" in parsed else None,
            reason=parsed.get("reason", ""),
            actor=self.actor,
            now=self.now,
        )
        return shown(changed)

    @extend_schema(
        operation_id="opsListTemplateVersions",
        summary="List the versions of a template",
        description="Newest first.",
        responses=VersionSerializer(many=True),
    )
    @action(detail=True, methods=["get"], filter_backends=(), orderings={"-version": ("-version",)})
    def versions(self, request: Request, pk: str) -> Response:
        rows = templates.list_versions(template_id=id_of(pk), actor=self.actor)
        return self.get_paginated_response(VersionSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(
        operation_id="opsPreviewTemplate",
        summary="Preview a template",
        description="What up to 20 members would be sent, with their own profiles. Nothing is sent. Needs the right to "
        "read members, too.",
        request=PreviewRequestSerializer,
        responses=PreviewSerializer,
    )
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: str) -> HttpResponse:
        parsed = {"variables": {}, **PreviewRequestSerializer(data=request.data).parsed()}
        version, results = rendering.preview(template_id=id_of(pk), actor=self.actor, **parsed)
        return answer(PreviewSerializer({"version": version.version, "results": results}).data)


def version_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise InvalidParameter.named("version", "This must be a whole number.")
    return int(text)


def variables_of(parsed: Sequence[Mapping[str, Any]]) -> list[NewVariable]:
    return [NewVariable(**variable) for variable in parsed]


def shown(version: TemplateVersion, **how: Any) -> HttpResponse:
    return answer(TemplateVersionSerializer(version).data, **how)
