"""/api/v1/couriers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from couriers import services
from couriers.filters import CourierFilter
from couriers.models import Courier
from couriers.ops_serializers import NewCourierSerializer, StaffCourierSerializer
from couriers.services import FleetEntry
from couriers.varieties import PERFORMANCE, Variety
from ops_console.rest.pagination import Orderings
from ops_console.rest.serializers import ReasonSerializer
from ops_console.rest.views import StaffViewSet, answer


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListCouriers",
        summary="List the fleet",
        description="All couriers with their places. `search` is the beginning of a pgnId.",
    ),
    retrieve=extend_schema(operation_id="opsGetCourier", summary="Read a courier", description="One courier by pgnId."),
)
class CourierViewSet(ListModelMixin, RetrieveModelMixin, StaffViewSet):
    resource = "couriers"
    orderings: ClassVar[Orderings] = {"pgnId": ("pgn_id",), "-pgnId": ("-pgn_id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {"offline": "update", "online": "update"}
    filterset_class = CourierFilter
    search_fields = ("pgn_id__startswith",)
    serializer_class = StaffCourierSerializer
    queryset = Courier.objects.all()
    lookup_field = "pgn_id"

    @extend_schema(
        operation_id="opsAddCourier",
        summary="Add a courier",
        description="It is available at once, where it is said to be.",
        request=NewCourierSerializer,
        responses={201: StaffCourierSerializer},
    )
    def create(self, request: Request) -> HttpResponse:
        entry = entry_from(request)
        services.add_courier(entry=entry, actor=self.actor, now=self.now)
        courier = Courier.objects.get(pgn_id=entry.pgn_id)
        location = f"/api/v1/couriers/{courier.pgn_id}"
        return answer(StaffCourierSerializer(courier).data, status=201, headers={"Location": location})

    @extend_schema(
        operation_id="opsTakeCourierOffline",
        summary="Take a courier out of service",
        description="Retired, ill, or wanted elsewhere. Not while it flies: end its flight first.",
        request=ReasonSerializer,
        responses=StaffCourierSerializer,
    )
    @action(detail=True, methods=["post"])
    def offline(self, request: Request, pgn_id: str) -> HttpResponse:
        return self._change_service(services.take_out_of_service)

    @extend_schema(
        operation_id="opsBringCourierBack",
        summary="Bring a courier back into service",
        description="Makes one available that was out of service.",
        request=ReasonSerializer,
        responses=StaffCourierSerializer,
    )
    @action(detail=True, methods=["post"])
    def online(self, request: Request, pgn_id: str) -> HttpResponse:
        return self._change_service(services.bring_back)

    def _change_service(self, change: Callable[..., None]) -> HttpResponse:
        parsed = ReasonSerializer(data=self.request.data).parsed()
        change(courier_id=self.get_object().pk, actor=self.actor, now=self.now, **parsed)
        return answer(StaffCourierSerializer(self.get_object()).data)


def entry_from(request: Request) -> FleetEntry:
    parsed = NewCourierSerializer(data=request.data).parsed()
    usual = PERFORMANCE[Variety(parsed["variety"])]
    figures: dict[str, Any] = {"speed_kmh": usual.speed_kmh, "payload_g": usual.payload_g}
    return FleetEntry(**(figures | parsed))
