"""Accounts' address books."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from messages.models import Recipient
from ops_console.console import display
from ops_console.console.base import ConsoleAdmin
from ops_console.ledger.models import Account


@admin.register(Recipient)
class RecipientAdmin(ConsoleAdmin):
    resource = "recipients"
    audited_as = ("recipient", "pk")
    empty_text = "No address book has an entry yet. Clients add them with POST recipients."

    list_display = ("recipient_id", "name", "account", "place_name", "region_code", "since")
    list_filter = ("region", ("account", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("recipient_id",)
    search_help_text = "recipientId or account name, in full"
    # Ids grow with time.
    ordering = ("-id",)
    fields = ("recipient_id", "name", "account", "postal_address", "place_name", "region", "position", "since")

    def list_rows(self, rows: Any) -> Any:
        return rows.with_account().defer("address")

    def object_rows(self, rows: Any) -> Any:
        return rows.with_account()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Recipient], search_term: str
    ) -> tuple[QuerySet[Recipient], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # A union, so that each part has its index.
        rows = Recipient.objects.order_by()
        by_id = rows.filter(recipient_id=term).values("pk")
        of_account = rows.filter(account__in=Account.objects.filter(username=term)).values("pk")
        return queryset.filter(pk__in=by_id.union(of_account)), False

    @admin.display(description="region")
    def region_code(self, recipient: Recipient) -> str:
        return recipient.region

    @admin.display(description="address")
    def postal_address(self, recipient: Recipient) -> str:
        return display.postal_address(recipient.address)

    @admin.display(description="position")
    def position(self, recipient: Recipient) -> str:
        return display.position(recipient)

    @admin.display(description="added")
    def since(self, recipient: Recipient) -> SafeString | str:
        return display.moment(recipient.created_at)
