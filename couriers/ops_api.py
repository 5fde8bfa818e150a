"""/api/v1/couriers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from couriers import services
from couriers.filters import CourierFilter
from couriers.models import Courier
from couriers.ops_serializers import CourierFiguresSerializer, StaffCourierSerializer
from couriers.services import FleetEntry
from ops_console.rest.pagination import Orderings
from ops_console.rest.problems import InvalidParameter
from ops_console.rest.serializers import ReasonSerializer
from ops_console.rest.views import ResourceViewSet, answer

PGN_ID = re.compile(r"[A-Z]{3}[0-9]{3}[A-Z]", re.ASCII)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListCouriers",
        summary="List the fleet",
        description="All couriers with their places. `search` is the beginning of a pgnId.",
    ),
    retrieve=extend_schema(operation_id="opsGetCourier", summary="Read a courier", description="One courier by pgnId."),
)
class CourierViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "couriers"
    orderings: ClassVar[Orderings] = {"pgnId": ("pgn_id",), "-pgnId": ("-pgn_id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {"update": "create", "offline": "update", "online": "update"}
    filterset_class = CourierFilter
    search_fields = ("pgn_id__startswith",)
    serializer_class = StaffCourierSerializer
    queryset = Courier.objects.all()
    lookup_field = "pgn_id"

    def get_queryset(self) -> QuerySet[Courier]:
        # The fleet is the house's, and flies for everybody.
        return Courier.objects.all()

    @extend_schema(
        operation_id="opsPutCourier",
        summary="Add a courier, or change one's figures",
        description="A new one is available at once, where it is said to be. Of a known one the place stays: it "
        "follows from its flights. Speed and payload are the variety's when left out.",
        request=CourierFiguresSerializer,
        responses={200: StaffCourierSerializer, 201: StaffCourierSerializer},
    )
    def update(self, request: Request, pgn_id: str) -> HttpResponse:
        if not PGN_ID.fullmatch(pgn_id):
            raise InvalidParameter.named("pgnId", "A pgnId is three letters, three digits, one letter: CPL593H.")
        entry = FleetEntry(pgn_id=pgn_id, **CourierFiguresSerializer(data=request.data).figures())
        change = services.load_fleet(entries=[entry], actor=self.actor, now=self.now)
        return answer(self.get_serializer(self.get_object()).data, status=201 if change.n_added else 200)

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
        return answer(self.get_serializer(self.get_object()).data)
