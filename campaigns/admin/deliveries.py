"""Deliveries in the console, each with all that happened to it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from campaigns.admin.narrowing import NarrowedByCampaign
from campaigns.models import Delivery
from campaigns.services.timelines import timeline
from ops_console.console import display
from ops_console.console.registry import Part
from ops_console.organizations.querysets import is_uuid


def moments(delivery: Delivery) -> dict[str, Any]:
    """The variables of ``console/_timeline.html``."""
    shown = [
        {
            "badge": display.badge(moment.what, moment.what.replace("_", " ")),
            "at": display.moment(moment.at),
            "actor": moment.actor,
            "reason": moment.detail,
        }
        for moment in timeline(delivery)
    ]
    return {"title": "Timeline", "steps": shown, "empty": ""}


@admin.register(Delivery)
class DeliveryAdmin(NarrowedByCampaign):
    resource = "deliveries"
    parts = (Part("deliveries", moments, "console/_timeline.html"),)
    empty_text = "Nothing was sent yet: deliveries come with the start of a campaign."

    list_display = ("id", "campaign", "step", "recipient_email", "state", "reason", "due", "created_at")
    narrowing = ("status",)
    list_filter = (("campaign", AutocompleteSelectFilter),)
    list_filter_submit = True
    search_fields = ("id",)
    search_help_text = "Id of the delivery, or of its campaign, in full"
    # Ids grow with time.
    ordering = ("-id",)
    fields: ClassVar[Any] = (
        ("id", "state"),
        ("campaign", "step"),
        ("member", "recipient_email"),
        ("work", "due"),
        ("n_attempts", "reason"),
        ("created_at", "sent_at"),
        ("delivered_at", "read_at"),
        ("acted_at", "action_id"),
        "payload",
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list().select_related("campaign").defer("campaign__workflow")

    def object_rows(self, rows: Any) -> Any:
        return rows.for_list().select_related("campaign").defer("campaign__workflow")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if not is_uuid(term):
            return queryset.none(), False
        found = queryset.filter(pk=term)
        return (found if found.exists() else queryset.filter(campaign_id=UUID(term))), False

    @admin.display(description="recipient")
    def recipient_email(self, delivery: Delivery) -> str:
        return delivery.member.person.email

    @admin.display(description="status")
    def state(self, delivery: Delivery) -> SafeString:
        return display.badge(delivery.status, delivery.get_status_display())

    @admin.display(description="action")
    def action_id(self, delivery: Delivery) -> str:
        done = getattr(delivery, "action", None)
        return done.action_id if done else "-"

    @admin.display(description="sent along")
    def payload(self, delivery: Delivery) -> str:
        """As text if it is one, else in Base64."""
        done = getattr(delivery, "action", None)
        sent = bytes(done.payload) if done else b""
        text = sent.decode(errors="replace")
        return (text if text.isprintable() and "\ufffd" not in text else b64encode(sent).decode()) or "-"

    @admin.display(description="next try")
    def due(self, delivery: Delivery) -> SafeString | str:
        return display.moment(delivery.due_at)
