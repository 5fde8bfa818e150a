"""/api/v1/campaigns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.filters import AudienceFilter, CampaignFilter
from campaigns.models import AudienceMember, Campaign, Lateness
from campaigns.serializers.campaigns import (
    AudienceMemberSerializer,
    CampaignChangeSerializer,
    CampaignDetailSerializer,
    CampaignSerializer,
    NewCampaignSerializer,
    PreflightSerializer,
    RetriedSerializer,
    RetrySerializer,
    ScheduleSerializer,
    SteeringSerializer,
)
from campaigns.serializers.templates import CampaignPreviewRequestSerializer, PreviewSerializer
from campaigns.services import campaigns, preflight, steering
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import Delivering
from campaigns.services.previews import preview_campaign
from ops_console.access.actors import Actor
from ops_console.organizations.api.members import id_of
from ops_console.rest.pagination import Orderings
from ops_console.rest.parsers import LargeJSONParser
from ops_console.rest.views import ResourceViewSet, answer

NEW = OpenApiExample(
    "A notice with a deadline",
    value={
        "name": "Loft inspection",
        "templateId": "01953f0e-7a2c-7cc1-b1a5-8f4a7c2d9e10",
        "userIds": ["01953f0e-7a2c-7cc1-b1a5-8f4a7c2d9e11"],
        "workflow": {
            "steps": [
                {
                    "id": "send",
                    "type": "STEP_TYPE_SEND_NOTIFICATION",
                    "sendNotification": {"type": "push", "actionLabel": "Understood", "actionType": "ACTION_TYPE_ACK"},
                    "transitions": {"completed": "wait"},
                },
                {"id": "wait", "type": "STEP_TYPE_DEADLINE_CHECK", "deadlineCheck": {"delay": "24h"}},
            ]
        },
    },
    request_only=True,
)
AUDIENCE = AudienceMember.objects.select_related("member__person").defer("member__profile")
DELIVERING = ("critical", "quiet_from", "quiet_until", "rate_per_s")


def steers(verb: str, summary: str, description: str, **more: Any) -> Callable[[Any], Any]:
    """What the API's description says of an action upon a campaign."""
    told = {"request": SteeringSerializer, "responses": CampaignDetailSerializer, **more}
    describe = extend_schema(operation_id=f"ops{verb}Campaign", summary=summary, description=description, **told)

    def decorate(method: Any) -> Any:
        return describe(action(detail=True, methods=["post"])(method))

    return decorate


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListCampaigns",
        summary="List campaigns",
        description="Without workflows. `search` is any part of a name.",
        responses=CampaignSerializer(many=True),
    ),
)
class CampaignViewSet(ResourceViewSet):
    resource = "campaigns"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {
        "partial_update": "update",
        "preflight": "retrieve",
        "preview": "retrieve",
        "audience": "retrieve",
    }
    filterset_class = CampaignFilter
    search_fields = ("name__icontains",)
    serializer_class = CampaignSerializer
    queryset = Campaign.objects.for_list()
    # Of a new one, with its workflow as it was looked at.
    parsed: Mapping[str, Any]

    def prepare(self) -> None:
        if self.action == "create":
            self.parsed = checked(NewCampaignSerializer(data=self.request.data).parsed(), self.actor)

    def get_parsers(self) -> list[BaseParser]:
        # The API's description asks without a request.
        method = self.request.method if self.request else None
        is_new = method == "POST" and self.action_map.get("post") == "create"
        return [LargeJSONParser()] if is_new else super().get_parsers()

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert page is not None
        counts = campaigns.counts_of(campaign.pk for campaign in page)
        return self.get_paginated_response(CampaignSerializer(page, many=True, context={"counts": counts}).data)

    @extend_schema(
        operation_id="opsGetCampaign",
        summary="Read a campaign",
        description="With its workflow, and where each of its steps stands.",
        responses=CampaignDetailSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        return shown(campaigns.get_campaign(campaign_id=id_of(pk), actor=self.actor))

    @extend_schema(
        operation_id="opsCreateCampaign",
        summary="Make a campaign",
        description="Freezes its audience; nothing is sent before it is started. Up to 100,000 recipients and 32 MiB; "
        "a file of many is `upload`. Members at fault are named, the first 20 of them.",
        request=NewCampaignSerializer,
        responses={201: CampaignDetailSerializer},
        examples=[NEW],
    )
    def create(self, request: Request) -> HttpResponse:
        named = {"user_ids": self.parsed.get("user_ids", ()), "recipients": self.parsed.get("audience", ())}
        return created(self.parsed, named, actor=self.actor, now=self.now)

    @extend_schema(
        operation_id="opsUpdateCampaign",
        summary="Change a campaign",
        description="Until it is started. What is left out stays; a change takes an approval back.",
        request=CampaignChangeSerializer,
        responses=CampaignDetailSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        parsed = CampaignChangeSerializer(data=request.data).parsed()
        changed = campaigns.update_campaign(
            campaign_id=id_of(pk),
            name=parsed.get("name"),
            sender_name=parsed.get("sender_name"),
            title=parsed.get("title"),
            template_id=parsed.get("template_id"),
            template_version=parsed.get("template_version", 0),
            workflow=parsed.get("workflow"),
            delivering=_delivering(parsed),
            reason=parsed.get("reason", ""),
            actor=self.actor,
            now=self.now,
        )
        return shown(changed)

    @extend_schema(
        operation_id="opsPreflightCampaign",
        summary="Count what starting would do",
        description="Exact for this moment. Nothing is changed; about 5 s for 100,000 recipients.",
        responses=PreflightSerializer,
    )
    @action(detail=True, methods=["get"])
    def preflight(self, request: Request, pk: str) -> HttpResponse:
        found = preflight.preflight(campaign_id=id_of(pk), actor=self.actor, now=self.now)
        return answer(PreflightSerializer(found).data)

    @extend_schema(
        operation_id="opsListAudience",
        summary="List the recipients of a campaign",
        description="In the order they were given, with their values and how they stand.",
        responses=AudienceMemberSerializer(many=True),
    )
    @action(
        detail=True,
        methods=["get"],
        queryset=AUDIENCE,
        filterset_class=AudienceFilter,
        search_fields=(),
        orderings={"given": ("id",)},
    )
    def audience(self, request: Request, pk: str) -> Response:
        campaign = campaigns.get_campaign(campaign_id=id_of(pk), actor=self.actor)
        rows = self.filter_queryset(AUDIENCE.filter(campaign=campaign))
        return self.get_paginated_response(AudienceMemberSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(
        operation_id="opsPreviewCampaign",
        summary="Preview a campaign",
        description="What up to 20 recipients would be sent by its first step that sends, with their own values, "
        "profiles and the step's; the first 5 recipients when none are named. Nothing is sent. Needs the rights to "
        "read members and templates, too.",
        request=CampaignPreviewRequestSerializer,
        responses=PreviewSerializer,
    )
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: str) -> HttpResponse:
        parsed = CampaignPreviewRequestSerializer(data=request.data).parsed()
        version, results = preview_campaign(campaign_id=id_of(pk), actor=self.actor, **parsed)
        return answer(PreviewSerializer({"version": version.version, "results": results}).data)

    @steers("Start", "Start a campaign", "Once, whatever the number of calls; also one that is scheduled or held.")
    def start(self, request: Request, pk: str) -> HttpResponse:
        return self._steer(steering.start_campaign, pk)

    @steers("Cancel", "Cancel a campaign", "What was sent stays sent; nothing more is.")
    def cancel(self, request: Request, pk: str) -> HttpResponse:
        return self._steer(steering.cancel_campaign, pk)

    @steers("Pause", "Pause a campaign", "Nothing is begun until it is resumed; what is in hand is finished.")
    def pause(self, request: Request, pk: str) -> HttpResponse:
        return self._steer(steering.pause, pk)

    @steers("Resume", "Resume a campaign", "It goes on where it stood; a deadline is put off by the pause.")
    def resume(self, request: Request, pk: str) -> HttpResponse:
        return self._steer(steering.resume, pk)

    @steers("Approve", "Approve a campaign", "As the second person: never who made it, and no key.")
    def approve(self, request: Request, pk: str) -> HttpResponse:
        return self._steer(steering.approve, pk)

    @steers(
        "Schedule",
        "Schedule a campaign",
        "It starts at that time by itself. One that is late is held, or started, as `lateness` says.",
        request=ScheduleSerializer,
    )
    def schedule(self, request: Request, pk: str) -> HttpResponse:
        parsed = ScheduleSerializer(data=request.data).parsed()
        changed = steering.schedule(
            campaign_id=id_of(pk),
            at=parsed["scheduled_for"],
            lateness=Lateness(parsed["lateness"]) if "lateness" in parsed else None,
            reason=parsed.get("reason", ""),
            actor=self.actor,
            now=self.now,
        )
        return shown(changed)

    @steers(
        "Retry",
        "Send again to those who failed",
        "Exactly those whose delivery failed and who are still open, while the campaign runs or is paused.",
        request=RetrySerializer,
        responses=RetriedSerializer,
    )
    def retry(self, request: Request, pk: str) -> HttpResponse:
        parsed = RetrySerializer(data=request.data).parsed()
        _, n = steering.retry_failed(campaign_id=id_of(pk), actor=self.actor, now=self.now, **parsed)
        return answer({"deliveries": n})

    @steers(
        "Remind",
        "Remind those who have not acknowledged",
        "Exactly those who were reached and are still open, while the campaign runs or is paused.",
        responses=RetriedSerializer,
    )
    def remind(self, request: Request, pk: str) -> HttpResponse:
        parsed = SteeringSerializer(data=request.data).parsed()
        _, n = steering.remind(campaign_id=id_of(pk), actor=self.actor, now=self.now, **parsed)
        return answer({"deliveries": n})

    def _steer(self, service: Callable[..., Campaign], pk: str) -> HttpResponse:
        parsed = SteeringSerializer(data=self.request.data).parsed()
        return shown(service(campaign_id=id_of(pk), actor=self.actor, now=self.now, **parsed))


def checked(parsed: Mapping[str, Any], actor: Actor) -> Mapping[str, Any]:
    """The body with its workflow looked at: outside of transactions, for hosts are looked up."""
    found = campaigns.check_workflow(
        workflow=parsed.get("workflow"), organization_id=parsed.get("organization"), actor=actor
    )
    return {**parsed, "workflow": found}


def created(parsed: Mapping[str, Any], named: Mapping[str, Any], *, actor: Actor, now: datetime) -> HttpResponse:
    """Make a campaign for those who are ``named`` and for those in the groups and teams of the body."""
    made = campaigns.create_campaign(
        name=parsed["name"],
        template_id=parsed["template_id"],
        template_version=parsed.get("template_version", 0),
        audience=NewAudience(group_ids=parsed.get("group_ids", ()), team_ids=parsed.get("team_ids", ()), **named),
        workflow=parsed.get("workflow"),
        sender_name=parsed.get("sender_name", ""),
        title=parsed.get("title", ""),
        delivering=Delivering(**_delivering(parsed)),
        organization_id=parsed.get("organization"),
        actor=actor,
        now=now,
    )
    return shown(made, status=201, headers={"Location": f"/api/v1/campaigns/{made.pk}"})


def shown(campaign: Campaign, **how: Any) -> HttpResponse:
    counts: Mapping[UUID, Any] = campaigns.counts_of([campaign.pk])
    return answer(CampaignDetailSerializer(campaign, context={"counts": counts}).data, **how)


def _delivering(parsed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parsed[name] for name in DELIVERING if name in parsed}
