"""Whom campaigns are for, in the console: each recipient with his values, and how he stands."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from campaigns.admin.narrowing import NarrowedByCampaign
from campaigns.models import AudienceMember, Delivery
from ops_console.console import display
from ops_console.console.registry import Part
from ops_console.organizations.addresses import normal_email


def values(recipient: AudienceMember) -> dict[str, Any]:
    rows = sorted(recipient.variables.items())
    return display.table("Values", ("Name", "Value"), rows, empty="He has no values of his own.")


def deliveries(recipient: AudienceMember) -> dict[str, Any]:
    rows = [
        (
            display.link(delivery, delivery.step.key),
            display.badge(delivery.status, delivery.get_status_display()),
            delivery.reason,
            display.moment(delivery.created_at),
        )
        for delivery in Delivery.objects.for_list().filter(recipient=recipient).order_by("step_id")
    ]
    headers = ("Step", "Status", "Why", "Made")
    return display.table("Deliveries", headers, rows, empty="Nothing was sent to him yet.")


@admin.register(AudienceMember)
class AudienceAdmin(NarrowedByCampaign):
    resource = "campaigns"
    parts = (Part("campaigns", values), Part("deliveries", deliveries))
    empty_text = "Nobody. An audience is given with its campaign, and stays as it is."
    narrowing = ("closing",)

    list_display = ("recipient_email", "campaign", "state", "closed_at", "shown_values")
    list_filter = (("campaign", AutocompleteSelectFilter),)
    list_filter_submit = True
    search_fields = ("member__person__email",)
    search_help_text = "E-mail address, in full"
    ordering = ("-id",)
    fields: ClassVar[Any] = (("campaign", "member"), ("recipient_email", "state"), "closed_at")

    def list_rows(self, rows: Any) -> Any:
        return self.object_rows(rows)

    def object_rows(self, rows: Any) -> Any:
        rows = rows.select_related("campaign", "member__person")
        return rows.defer("campaign__workflow", "member__profile", "member__person__password")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AudienceMember], search_term: str
    ) -> tuple[QuerySet[AudienceMember], bool]:
        term = normal_email(search_term)
        return (queryset.filter(member__person__email=term) if term else queryset), False

    @admin.display(description="recipient")
    def recipient_email(self, recipient: AudienceMember) -> str:
        return recipient.member.person.email

    @admin.display(description="stands")
    def state(self, recipient: AudienceMember) -> SafeString:
        return display.badge(recipient.closing, recipient.get_closing_display())

    @admin.display(description="values")
    def shown_values(self, recipient: AudienceMember) -> str:
        return ", ".join(f"{name}: {value}" for name, value in sorted(recipient.variables.items()))[:200]
