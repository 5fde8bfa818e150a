"""Pigeon Protocol: /pigeon/v1/{account}/couriers."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request

from couriers.models import Courier
from couriers.serializers import CourierParameters, CourierSerializer, TipParameters, TipSerializer, courier_json
from couriers.services import tip_courier
from ops_console.errors import NotFound
from ops_console.rest.problems import InvalidParameter
from ops_console.rest.views import AccountAPIView, answer

PGN_ID = "pgnId"
ONE_OR_ALL = PolymorphicProxySerializer(
    component_name="CourierOrCouriers",
    serializers=[CourierSerializer, CourierSerializer(many=True)],
    resource_type_field_name=None,
    many=False,
)
EXAMPLE = OpenApiExample(
    "With pgnId",
    value={"pgnId": "CPL593H", "pgnStatus": "busy", "region": "US_SW", "variety": "mondain"},
    response_only=True,
    status_codes=["200"],
)
EXAMPLES = OpenApiExample(
    "Without pgnId",
    value=[{"pgnId": "CPL593H", "pgnStatus": "busy", "region": "US_SW", "variety": "mondain"}],
    response_only=True,
    status_codes=["200"],
)
TIP = OpenApiExample(
    "A thimble of birdseed",
    value={"pgnId": "CPL593H", "tip": 0.05, "balance": -0.20},
    response_only=True,
    status_codes=["200"],
)


class CouriersView(AccountAPIView):
    """Couriers, by name or by region."""

    @extend_schema(
        operation_id="getCouriers",
        summary="Check courier availability",
        description="One courier, wherever its home is, or every courier of the account's region in the order of "
        "their pgnIds. A courier is available, busy (it flies), resting, or offline (out of service).",
        parameters=[CourierParameters],
        responses={200: ONE_OR_ALL},
        examples=[EXAMPLE, EXAMPLES],
    )
    def get(self, request: Request, account: str) -> HttpResponse:
        pgn_id = asked_for(request)
        if pgn_id is None:
            return answer([courier_json(courier) for courier in Courier.objects.of_region(self.account.region)])
        courier = Courier.objects.filter(pgn_id=pgn_id).first()
        if courier is None:
            raise NotFound(f"There is no courier {pgn_id}.")
        return answer(courier_json(courier))


class TipView(AccountAPIView):
    """Tips."""

    takes_body: ClassVar[bool] = False

    @extend_schema(
        operation_id="tipCourier",
        summary="Send tip to courier",
        description="Gives the courier a thimble of birdseed and bills the account for it: $0.05 each time. There is "
        "no body; one that is sent is not looked at.",
        parameters=[TipParameters],
        request=None,
        responses={200: TipSerializer},
        examples=[TIP],
    )
    def post(self, request: Request, account: str) -> HttpResponse:
        pgn_id = asked_for(request)
        if pgn_id is None:
            raise InvalidParameter.named(PGN_ID, "Say which courier to tip.", "required")
        tipped = tip_courier(account_id=self.account.pk, pgn_id=pgn_id, actor=self.actor, now=self.now)
        return answer({"pgnId": tipped.pgn_id, "tip": tipped.amount, "balance": tipped.balance})


def asked_for(request: Request) -> str | None:
    """The pgnId of the query string; whether there is such a courier is seen when it is looked up.

    Raises:
        InvalidParameter: it is empty, or given more than once.
    """
    given = request.query_params.getlist(PGN_ID)
    if not given:
        return None
    if len(given) > 1 or not given[0]:
        raise InvalidParameter.named(PGN_ID, "Give the pgnId of one courier, as in CPL593H.")
    return given[0]
