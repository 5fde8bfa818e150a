"""Couriers as staff see and change them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from couriers.models import CourierStatus
from couriers.varieties import PERFORMANCE, TOP_PAYLOAD_G, TOP_SPEED_KMH, Variety
from ops_console.regions import Region
from ops_console.rest.fields import ChoiceField, FloatField, InstantField, TextField
from ops_console.rest.serializers import StrictSerializer


class StaffCourierSerializer(StrictSerializer):
    """A courier, and where it is."""

    pgn_id = serializers.CharField()
    variety = serializers.ChoiceField(choices=Variety.choices)
    speed_kmh = serializers.FloatField()
    payload_g = serializers.FloatField()
    partner = serializers.CharField()
    status = serializers.ChoiceField(choices=CourierStatus.choices)
    region = serializers.ChoiceField(choices=Region.choices, help_text="Its home.")
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()
    ready_at = InstantField(allow_null=True, help_text="When it can fly again, as far as is known.")
    created_at = InstantField()


class CourierFiguresSerializer(StrictSerializer):
    """What is known of a courier, and where it starts."""

    variety = ChoiceField(choices=Variety.values)
    region = ChoiceField(choices=Region.values)
    partner = TextField(max_length=100)
    latitude = FloatField(min_value=-90, max_value=90)
    longitude = FloatField(min_value=-180, max_value=180)
    speed_kmh = FloatField(min_value=1, max_value=TOP_SPEED_KMH, required=False)
    payload_g = FloatField(min_value=1, max_value=TOP_PAYLOAD_G, required=False)

    def figures(self) -> dict[str, Any]:
        """The members, speed and payload completed by the variety's."""
        parsed = self.parsed()
        usual = PERFORMANCE[Variety(parsed["variety"])]
        return {"speed_kmh": usual.speed_kmh, "payload_g": usual.payload_g} | parsed
