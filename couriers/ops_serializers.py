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
    """A courier, and where it is, which follows from whom it flew to: that is for staff to know."""

    FOR_STAFF = ("latitude", "longitude", "readyAt")

    pgn_id = serializers.CharField()
    variety = serializers.ChoiceField(choices=Variety.choices)
    speed_kmh = serializers.FloatField()
    payload_g = serializers.FloatField()
    partner = serializers.CharField()
    status = serializers.ChoiceField(choices=CourierStatus.choices)
    region = serializers.ChoiceField(choices=Region.choices, help_text="Its home.")
    latitude = serializers.FloatField(required=False, help_text="For staff.")
    longitude = serializers.FloatField(required=False, help_text="For staff.")
    ready_at = InstantField(
        allow_null=True, required=False, help_text="For staff: when it can fly again, as far as is known."
    )
    created_at = InstantField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields, view = super().get_fields(), self.context.get("view")
        # Documents show every member.
        if view is not None and (getattr(view, "swagger_fake_view", False) or view.actor.is_of_the_house):
            return fields
        return {name: field for name, field in fields.items() if name not in self.FOR_STAFF}


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
