"""/api/v1/heatmaps, heatmap-settings, screens and screenshots."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse, QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from campaigns.api.parameters import ORGANIZATION, id_in, instant_in, number_in, of_parameters, owner_in
from campaigns.filters import ScreenFilter, ScreenshotFilter
from campaigns.heatmaps import privacy, queries
from campaigns.heatmaps.queries import Asked, Mode
from campaigns.heatmaps.touches import EventType
from campaigns.models import Screen, Screenshot
from campaigns.serializers.heatmaps import (
    HeatmapSerializer,
    HeatmapSettingsChangeSerializer,
    HeatmapSettingsSerializer,
    ScreenSerializer,
    ScreenshotSerializer,
)
from ops_console.errors import InvalidInput
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceView, ResourceViewSet, answer

MOST_USERS = 1000
# The service's names of what the address asks.
PARAMETERS = {
    "screen_name": "screen",
    "date_from": "from",
    "date_to": "to",
    "campaign_id": "campaign",
    "user_id": "user",
    "grid_resolution": "grid",
    "event_types": "eventType",
}


class HeatmapView(ResourceView):
    resource = "heatmaps"

    @extend_schema(
        operation_id="opsGetHeatmap",
        summary="Read a heatmap",
        description="Where a screen was touched, as docs/heatmaps.md defines it. A query that names a user is put into "
        "the audit trail.",
        parameters=[
            ORGANIZATION,
            OpenApiParameter("screen", description="Its name; may be left out beside a campaign."),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="30 days before `to` unless it is said."),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Now unless it is said."),
            OpenApiParameter("campaign", UUID, description="The screen of its messages."),
            OpenApiParameter("user", UUID, description="One member's touches, or who is told from the others."),
            OpenApiParameter("grid", float, description="Side of a cell, 0.005 to 0.1; 0.02 unless it is said."),
            OpenApiParameter("mode", enum=Mode.values, description="total unless it is said."),
            OpenApiParameter("eventType", enum=EventType.values, many=True, description="All unless some are said."),
        ],
        responses=HeatmapSerializer,
    )
    def retrieve(self, request: Request) -> HttpResponse:
        given = request.query_params
        try:
            found = queries.query(
                asked=asked_of(given), organization_id=owner_in(given, self.actor), actor=self.actor, now=self.now
            )
        except InvalidInput as error:
            raise of_parameters(error, PARAMETERS) from error
        shown = replace(found, user_counts=queries.with_emails(found.user_counts[:MOST_USERS]))
        return answer(HeatmapSerializer(shown).data)


class HeatmapSettingsView(ResourceView):
    resource = "heatmap-settings"

    @extend_schema(
        operation_id="opsGetHeatmapSettings",
        summary="Read what an organization says about heatmaps",
        parameters=[ORGANIZATION],
        responses=HeatmapSettingsSerializer,
    )
    def retrieve(self, request: Request) -> HttpResponse:
        organization_id = owner_in(request.query_params, self.actor)
        found = privacy.get_settings(organization_id=organization_id, actor=self.actor)
        return answer(HeatmapSettingsSerializer(found).data)

    @extend_schema(
        operation_id="opsSetHeatmapSettings",
        summary="Say how many people a cell of a heatmap is shown for",
        description="Cells that fewer people touched are left out.",
        parameters=[ORGANIZATION],
        request=HeatmapSettingsChangeSerializer,
        responses=HeatmapSettingsSerializer,
    )
    def update(self, request: Request) -> HttpResponse:
        organization_id = owner_in(request.query_params, self.actor)
        parsed = HeatmapSettingsChangeSerializer(data=request.data).parsed()
        changed = privacy.set_min_users(
            organization_id=organization_id, actor=self.actor, now=self.now, **{"reason": "", **parsed}
        )
        return answer(HeatmapSettingsSerializer(changed).data)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListScreens",
        summary="List screens",
        description="Those that were touched or pictured. `search` is the beginning of a name.",
    )
)
class ScreenViewSet(ListModelMixin, ResourceViewSet):
    resource = "screens"
    orderings: ClassVar[Orderings] = {"id": ("id",), "-id": ("-id",)}
    filterset_class = ScreenFilter
    search_fields = ("name__startswith",)
    serializer_class = ScreenSerializer
    queryset = Screen.objects.all()


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListScreenshots",
        summary="List pictures of screens",
        description="The newest of each screen and version of the app, with addresses that expire.",
    )
)
class ScreenshotViewSet(ListModelMixin, ResourceViewSet):
    resource = "screenshots"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-uploadedAt": ("-id",), "uploadedAt": ("id",)}
    filterset_class = ScreenshotFilter
    search_fields = ("screen__name__startswith",)
    serializer_class = ScreenshotSerializer
    queryset = Screenshot.objects.for_list()


def asked_of(given: QueryDict) -> Asked:
    """What the address asks. Raises: InvalidParameter."""
    return Asked(
        screen_name=given.get("screen", ""),
        date_from=instant_in(given, "from"),
        date_to=instant_in(given, "to"),
        campaign_id=id_in(given, "campaign"),
        user_id=id_in(given, "user"),
        resolution=number_in(given, "grid"),
        mode=given.get("mode") or Mode.TOTAL,
        event_types=given.getlist("eventType"),
    )
