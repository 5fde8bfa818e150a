"""People in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from ops_console.console import display
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part
from ops_console.organizations.models import Member, Person

SHOWN = 50


def memberships(person: Person) -> dict[str, Any]:
    rows = Member.objects.filter(person=person).select_related("organization", "role").order_by("created_at")
    return display.table(
        "Organizations",
        ("Organization", "Role", "Status"),
        [(display.link(row.organization), row.role.name, display.badge(row.status)) for row in rows[:SHOWN]],
        empty="A member of no organization.",
    )


@admin.register(Person)
class PersonAdmin(ConsoleAdmin):
    """No password is shown or set here: everybody changes his own."""

    resource = "people"
    audited_as = ("person", "pk")
    parts = (Part("organizations", memberships),)

    list_display = ("email", "uses_console", "in_groups", "is_active", "created_at")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email",)
    search_help_text = "E-mail"
    ordering = ("email",)
    sortable_by = ("email",)
    fields = ("email", "uses_console", "is_superuser", "in_groups", "is_active", "last_login", "created_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.prefetch_related("groups").defer("password")

    def object_rows(self, rows: Any) -> Any:
        return rows.prefetch_related("groups")

    @admin.display(description="uses the console")
    def uses_console(self, person: Person) -> SafeString | str:
        return display.badge("active", "staff") if person.is_staff else "-"

    @admin.display(description="groups")
    def in_groups(self, person: Person) -> str:
        return ", ".join(sorted(group.name for group in person.groups.all())) or "-"
