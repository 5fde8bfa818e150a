"""What the lists of organizations and people can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from ops_console.organizations.models import Member, MemberStatus, Organization, Person, Role
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


class MemberFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    status = filters.ChoiceFilter(choices=MemberStatus.choices)
    roleId = filters.UUIDFilter(field_name="role_id")  # noqa: N815 - as in the address
    email = filters.CharFilter(field_name="person__email", max_length=254, label="In lower case.")

    class Meta:
        model = Member
        fields: tuple[str, ...] = ()


class RoleFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    slug = filters.CharFilter(max_length=200)
    isSystem = filters.BooleanFilter(field_name="is_system")  # noqa: N815 - as in the address
    isDefault = filters.BooleanFilter(field_name="is_default")  # noqa: N815 - as in the address

    class Meta:
        model = Role
        fields: tuple[str, ...] = ()


class RosterFilter(filters.FilterSet):
    """For teams and for groups; those of one organization are few enough to look through."""

    organization = filters.UUIDFilter(field_name="organization_id")
    user = filters.UUIDFilter(field_name="members", label="The id of a member: those he is in.")
    name = filters.CharFilter(max_length=200)
    isDefault = filters.BooleanFilter(field_name="is_default")  # noqa: N815 - as in the address
