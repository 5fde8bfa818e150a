"""What lists of credentials, keys and providers can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from ops_console.access.models import (
    AccountCredential,
    ApiKey,
    ServiceKey,
    ServiceScope,
    SsoProvider,
    SsoProviderType,
)
from ops_console.rest.filters import InstantFilter


class CredentialFilter(filters.FilterSet):
    account = filters.CharFilter(field_name="account__username", max_length=40)
    organization = filters.UUIDFilter(field_name="account__organization_id")
    revoked = filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = AccountCredential
        fields: tuple[str, ...] = ()


class ApiKeyFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    creator = filters.UUIDFilter(field_name="creator_id", label="The id of a member.")
    revoked = filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)
    expiresBefore = InstantFilter(field_name="expires_at", lookup_expr="lt")  # noqa: N815 - as in the address

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ()


class ServiceKeyFilter(filters.FilterSet):
    scope = filters.ChoiceFilter(choices=ServiceScope.choices)
    revoked = filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ServiceKey
        fields: tuple[str, ...] = ()


class SsoProviderFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    domain = filters.CharFilter(max_length=253, label="In small letters and ASCII.")
    type = filters.ChoiceFilter(choices=SsoProviderType.choices)
    proved = filters.BooleanFilter(field_name="proved_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = SsoProvider
        fields: tuple[str, ...] = ()
