"""/api/v1/campaigns/upload and deliveries/export: campaigns in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request

from campaigns.api.campaigns import checked, created
from campaigns.filters import DeliveryFilter
from campaigns.models import Delivery
from campaigns.querysets import DeliveryQuerySet
from campaigns.serializers.campaigns import CampaignDetailSerializer, UploadedCampaignSerializer, UploadSerializer
from campaigns.services.audience_files import recipients_in
from campaigns.services.exports import export_deliveries
from ops_console.csv_lines import MEDIA_TYPE
from ops_console.organizations.api.members import id_of
from ops_console.rest.filters import StrictFilterBackend
from ops_console.rest.forms import FileParser, FormParser, json_of, lines_of, parts_of
from ops_console.rest.problems import InvalidBody
from ops_console.rest.views import ResourceView, ResourceViewSet

LINES = OpenApiExample(
    "One delivery",
    value="id,campaign,step,userId,email,status,reason,...\r\n01953f0e-7a2c-...,01953f0e-...,send,01953f0e-...,"
    "ada@example.com,sent,,...\r\n",
    response_only=True,
    media_type="text/csv",
)


class AudienceParser(FileParser):
    media_type = "text/csv"
    part = "audience"


class CampaignUploadView(ResourceView):
    resource = "campaigns"
    parser_classes = (FormParser, AudienceParser)

    # As in CampaignViewSet.
    parsed: Mapping[str, Any]
    file: Any

    def prepare(self) -> None:
        parts = parts_of(self.request, ("campaign", "audience"))
        self.parsed = checked(UploadedCampaignSerializer(data=json_of(parts["campaign"])).parsed(), self.actor)
        self.file = parts["audience"]

    @extend_schema(
        operation_id="opsUploadCampaign",
        summary="Make a campaign for the audience in a CSV file",
        description="The first line of the file names the columns: `email` or `user_id`, and one for each variable. "
        "Up to 100,000 recipients and 32 MiB. All or nothing: bad rows are named by their line, as `/audience/LINE`, "
        "the first 20 of them; other pointers lead into the part `campaign`. To name members by `email` takes the "
        "right to see them (MEMBERS_READ). The file may also be the whole body, with the campaign in the query.",
        request={FormParser.media_type: UploadSerializer, AudienceParser.media_type: OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter("campaign", description="In JSON; where the body is the file.", required=False, type=str)
        ],
        responses={201: CampaignDetailSerializer},
    )
    def create(self, request: Request) -> HttpResponse:
        parsed, file = self.parsed, self.file
        if isinstance(file, str):
            raise InvalidBody.field("audience", message="Give this part as a file, with a file name.")
        with lines_of(file) as lines:
            recipients = recipients_in(lines, organization_id=parsed.get("organization"), actor=self.actor)
        return created(parsed, {"recipients": recipients}, actor=self.actor, now=self.now)


class DeliveryExportView(ResourceViewSet):
    resource = "deliveries"
    policy_actions: ClassVar[Mapping[str, str]] = {"export": "list"}
    filter_backends = (StrictFilterBackend,)
    filterset_class = DeliveryFilter
    queryset = Delivery.objects.all()

    @extend_schema(
        operation_id="opsExportDeliveries",
        summary="Export deliveries in CSV",
        description="Those of one campaign, which must be named, step by step, all in one answer, which is streamed. "
        "Text that a spreadsheet would take for a formula begins with an apostrophe.",
        responses={(200, "text/csv"): OpenApiTypes.STR},
        examples=[LINES],
        filters=True,
    )
    def export(self, request: Request) -> StreamingHttpResponse:
        among = cast(DeliveryQuerySet, self.filter_queryset(self.get_queryset()))
        campaign_id = id_of(request.query_params["campaign"])
        chunks = export_deliveries(campaign_id=campaign_id, among=among, actor=self.actor)
        name = f"deliveries-{campaign_id}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(chunks, content_type=MEDIA_TYPE, headers=headers)
