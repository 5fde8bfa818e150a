"""/api/v1/webhooks and /api/v1/webhook-secret."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request

from ops_console.outbox import services
from ops_console.outbox.filters import WebhookFilter
from ops_console.outbox.models import Webhook
from ops_console.outbox.serializers import (
    NewSecretSerializer,
    SecretStateSerializer,
    WebhookDetailSerializer,
    WebhookSerializer,
)
from ops_console.rest.pagination import Orderings
from ops_console.rest.problems import InvalidParameter
from ops_console.rest.views import ResourceView, ResourceViewSet, answer

ORGANIZATION = OpenApiParameter(
    "organization", UUID, description="Whose secret. Staff must say it; for others it is their own organization."
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListWebhooks",
        summary="List webhooks",
        description="Webhooks that wait, were delivered or given up. `search` is a whole reference.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetWebhook",
        summary="Read a webhook",
        description="What it tells, with the log of its attempts.",
    ),
)
class WebhookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Webhooks waiting, delivered and given up, each with the log of its attempts."""

    resource = "webhooks"
    orderings: ClassVar[Orderings] = {"-createdAt": ("-created_at", "-id"), "createdAt": ("created_at", "id")}
    filterset_class = WebhookFilter
    search_fields = ("reference__exact",)
    queryset = Webhook.objects.all()
    takes_body = False

    def get_queryset(self) -> QuerySet[Webhook]:
        rows = Webhook.objects.visible_to(self.actor)
        return rows.for_list() if self.action == "list" else rows.for_detail()

    def get_serializer_class(self) -> type[WebhookSerializer]:
        return WebhookSerializer if self.action == "list" else WebhookDetailSerializer

    @extend_schema(
        operation_id="opsReplayWebhook",
        summary="Replay a webhook",
        description="Sends one that was delivered or given up again, now and under the same id.",
        request=None,
        responses=WebhookDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> HttpResponse:
        webhook = self.get_object()
        services.replay(webhook_id=webhook.id, actor=self.actor, now=self.now)
        return answer(self.get_serializer(self.get_object()).data)


class WebhookSecretView(ResourceView):
    """The secret an organization's webhooks are signed with: shown once, when it is made."""

    resource = "webhook-secret"
    takes_body = False

    @extend_schema(
        operation_id="opsGetWebhookSecret",
        summary="Read the state of a webhook secret",
        description="Whether the organization has a secret, since when, and until when a replaced one signs beside it.",
        parameters=[ORGANIZATION],
        responses=SecretStateSerializer,
    )
    def retrieve(self, request: Request) -> HttpResponse:
        organization_id = self._organization_id()
        state = services.secret_state(organization_id=organization_id, actor=self.actor, now=self.now)
        return answer(SecretStateSerializer(state).data)

    @extend_schema(
        operation_id="opsRotateWebhookSecret",
        summary="Replace a webhook secret",
        description="The answer shows the new one this once; the old one signs beside it for 24 hours.",
        parameters=[ORGANIZATION],
        request=None,
        responses={201: NewSecretSerializer},
    )
    def rotate(self, request: Request) -> HttpResponse:
        organization_id = self._organization_id()
        secret = services.rotate_secret(organization_id=organization_id, actor=self.actor, now=self.now)
        state = services.secret_state(organization_id=organization_id, actor=self.actor, now=self.now)
        shown: dict[str, Any] = dict(SecretStateSerializer(state).data)
        return answer({"secret": secret, **shown}, status=201, kept={"secret": None, **shown})

    def _organization_id(self) -> UUID:
        given = self.request.query_params.get("organization", "")
        if not given and self.actor.organization_id is not None:
            return self.actor.organization_id
        try:
            return UUID(given)
        except ValueError:
            raise InvalidParameter.named("organization", "Give the organization's id.") from None
