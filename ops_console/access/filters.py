"""What the list of credentials can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from ops_console.access.models import AccountCredential


class CredentialFilter(filters.FilterSet):
    account = filters.CharFilter(field_name="account__username", max_length=40)
    organization = filters.UUIDFilter(field_name="account__organization_id")
    revoked = filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = AccountCredential
        fields: tuple[str, ...] = ()
