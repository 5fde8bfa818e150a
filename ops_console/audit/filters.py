"""What the audit trail can be narrowed by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters

from ops_console.audit.models import AuditEntry
from ops_console.audit.services import PLATFORM
from ops_console.rest.filters import InstantFilter


class AuditFilter(filters.FilterSet):
    organization = filters.UUIDFilter(method="by_organization")
    platform = filters.BooleanFilter(method="by_platform", label="True: only what concerns no organization.")
    actor = filters.CharFilter(max_length=200, label="An e-mail address, or such as command:refund.")
    action = filters.CharFilter(max_length=64, label="Such as refund.approve.")
    targetType = filters.CharFilter(field_name="target_type", max_length=32)  # noqa: N815 - as in the address
    targetId = filters.CharFilter(field_name="target_id", max_length=64, label="Together with targetType.")  # noqa: N815
    after = InstantFilter(field_name="at", lookup_expr="gte")
    before = InstantFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()

    def is_valid(self) -> bool:
        # The index on targets begins with the type.
        if self.form.is_valid() and self.form.cleaned_data["targetId"] and not self.form.cleaned_data["targetType"]:
            self.form.add_error("targetType", forms.ValidationError("Say what kind of thing targetId is.", "required"))
        return bool(self.form.is_valid())

    def by_organization(self, rows: QuerySet[AuditEntry], name: str, value: UUID) -> QuerySet[AuditEntry]:
        return rows.filter(chain=str(value))

    def by_platform(self, rows: QuerySet[AuditEntry], name: str, value: Any) -> QuerySet[AuditEntry]:
        return rows.filter(chain=PLATFORM) if value else rows
