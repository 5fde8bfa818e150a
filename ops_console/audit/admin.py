"""The audit trail in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ops_console.audit.models import AuditEntry
from ops_console.console.base import ConsoleAdmin

TARGETS = ("message", "courier", "account", "credential", "refund", "webhook", "organization", "person")


class TargetFilter(admin.SimpleListFilter):
    title = "what it is about"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(target, target) for target in TARGETS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(target_type=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ConsoleAdmin):
    resource = "audit"
    empty_text = "Nothing was changed yet. What staff and commands change is listed here."

    list_display = ("action", "target_type", "target_id", "actor", "reason", "address", "at")
    list_filter = (TargetFilter, "at")
    search_fields = ("target_id",)
    search_help_text = "Who, what (such as message.hold), or the id it is about, in full"
    ordering = ("-at", "-id")
    fields = (
        "action",
        "target_type",
        "target_id",
        "actor",
        "person",
        "address",
        "reason",
        "before",
        "after",
        "at",
        "chain",
        "position",
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.defer("before", "after", "hash")

    def object_rows(self, rows: Any) -> Any:
        return rows.select_related("person").defer("hash")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        about = Q(target_id=term, target_type__in=TARGETS)
        return queryset.filter(about | Q(actor=term) | Q(action=term) | Q(chain=term)), False
