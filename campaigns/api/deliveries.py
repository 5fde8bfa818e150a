"""/api/v1/deliveries."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from campaigns.filters import DeliveryFilter
from campaigns.models import Delivery
from campaigns.serializers.deliveries import DeliveryDetailSerializer, DeliverySerializer
from campaigns.services import timelines
from ops_console.organizations.api.members import id_of
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceViewSet, answer

# Each is the order of an index.
OF_ALL: Orderings = {"step": ("step_id", "recipient_id")}
OF_ONE_STATUS: Orderings = {"id": ("id",)}


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListDeliveries",
        summary="List deliveries",
        description="Those of one campaign, which must be named: step by step, or with a `status` by their ids.",
    ),
)
class DeliveryViewSet(ListModelMixin, ResourceViewSet):
    resource = "deliveries"
    orderings: ClassVar[Orderings] = {**OF_ALL, **OF_ONE_STATUS}
    filterset_class = DeliveryFilter
    serializer_class = DeliverySerializer
    queryset = Delivery.objects.for_list()

    def orderings_of(self, request: Request) -> Orderings:
        return OF_ONE_STATUS if request.query_params.get("status") else OF_ALL

    @extend_schema(
        operation_id="opsGetDelivery",
        summary="Read a delivery",
        description="With all that happened to it: queued, rendered, handed over, delivered, read, acknowledged, "
        "reminded, missed, and why; and with what its recipient did.",
        responses=DeliveryDetailSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        delivery = timelines.get_delivery(delivery_id=id_of(pk), actor=self.actor)
        details = DeliveryDetailSerializer(context=self.get_serializer_context())
        moments = details.fields["timeline"].to_representation(timelines.timeline(delivery))
        shown = {
            **DeliverySerializer(delivery).data,
            "payload": details.get_payload(delivery),
            "timeline": moments,
        }
        return answer(shown)
