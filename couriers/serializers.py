"""The bodies of the courier endpoints."""

from __future__ import annotations

from rest_framework import serializers

from couriers.models import Courier, CourierStatus
from couriers.varieties import Variety
from ops_console.regions import Region
from ops_console.rest import fields
from ops_console.rest.serializers import StrictSerializer


class CourierSerializer(StrictSerializer):
    """What the document shows of a courier."""

    pgn_id = fields.TextField()
    pgn_status = fields.ChoiceField(choices=CourierStatus.values)
    region = fields.ChoiceField(choices=Region.values)
    variety = fields.ChoiceField(choices=Variety.values)


class TipSerializer(StrictSerializer):
    """A tip given, and what the account's balance is after it. US dollars."""

    pgn_id = fields.TextField()
    tip = fields.MoneyField()
    balance = fields.MoneyField()


class CourierParameters(serializers.Serializer[Courier]):
    pgnId = serializers.CharField(required=False, help_text="Only this courier, of whatever region.")  # noqa: N815


class TipParameters(serializers.Serializer[Courier]):
    pgnId = serializers.CharField(help_text="The courier to tip.")  # noqa: N815


def courier_json(courier: Courier) -> dict[str, str]:
    return {
        "pgnId": courier.pgn_id,
        "pgnStatus": courier.status,
        "region": courier.region,
        "variety": courier.variety,
    }
