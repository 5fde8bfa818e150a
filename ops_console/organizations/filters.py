"""What the lists of organizations and people can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from ops_console.organizations.models import Organization, Person
from ops_console.rest.filters import InstantFilter


class OrganizationFilter(filters.FilterSet):
    createdAfter = InstantFilter(field_name="created_at", lookup_expr="gte")  # noqa: N815 - as in the address
    createdBefore = InstantFilter(field_name="created_at", lookup_expr="lt")  # noqa: N815 - as in the address

    class Meta:
        model = Organization
        fields: tuple[str, ...] = ()


class PersonFilter(filters.FilterSet):
    email = filters.CharFilter(max_length=254, label="In lower case.")
    isStaff = filters.BooleanFilter(field_name="is_staff")  # noqa: N815 - as in the address

    class Meta:
        model = Person
        fields: tuple[str, ...] = ()
