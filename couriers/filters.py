"""What the list of couriers can be narrowed by; it is bounded by the fleet."""

from __future__ import annotations

from django_filters import rest_framework as filters

from couriers.models import Courier, CourierStatus
from couriers.varieties import Variety
from ops_console.regions import Region


class CourierFilter(filters.FilterSet):
    region = filters.ChoiceFilter(choices=Region.choices)
    status = filters.ChoiceFilter(choices=CourierStatus.choices)
    variety = filters.ChoiceFilter(choices=Variety.choices)
    partner = filters.CharFilter(max_length=100)

    class Meta:
        model = Courier
        fields: tuple[str, ...] = ()
