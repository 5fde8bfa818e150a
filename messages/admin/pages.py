"""The queue view and a message's page."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from messages.admin import actions, parts
from messages.models import Message, MessageStatus
from ops_console.console import display
from ops_console.console.base import ConsoleAdmin
from ops_console.ledger.models import Account


class HeldFilter(admin.SimpleListFilter):
    title = "held"
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Held"), ("no", "Not held")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        # Only what is queued can be held: ended messages keep the time they once were.
        held = Q(status=MessageStatus.QUEUED, held_at__isnull=False)
        if self.value() == "yes":
            return queryset.filter(held)
        return queryset.exclude(held) if self.value() == "no" else queryset


@admin.register(Message)
class MessageAdmin(ConsoleAdmin):
    resource = "messages"
    audited_as = ("message", "msg_id")
    service_actions = actions.ALL
    parts = parts.ALL
    empty_text = "No message has been sent yet. Open an organization with an account, then POST to its messages."

    list_display = (
        "msg_id",
        "account",
        "organization",
        "region_code",
        "state",
        "urgency",
        "age",
        "is_held",
        "arrival",
        "price",
    )
    list_filter = ("status", "region", "priority", HeldFilter, ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("msg_id",)
    search_help_text = "msgId, reference or account name, in full"
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("msg_id", "state"), ("account", "organization"), ("reference", "version"))}),
        ("Content", {"fields": (("subject", "format"), "body", "weight")}),
        ("Destination", {"fields": (("recipient", "postal_address"), ("place_name", "region"), "position")}),
        (
            "Delivery",
            {
                "fields": (
                    ("urgency", "arrival"),
                    ("deliver_min", "deliver_max"),
                    ("asked_for", "requested_until"),
                    ("pinned_courier", "wait_until"),
                    ("held_at", "return_receipt"),
                )
            },
        ),
        (
            "Money and end",
            {"fields": (("price", "insured"), ("created_at", "ended_at"), ("end_reason", "callback_url"))},
        ),
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.with_names().defer("body", "address", "callback_url")

    def object_rows(self, rows: Any) -> Any:
        return rows.with_names().select_related("pinned_courier")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # A queue is read from its head, everything else from the newest.
        return ("id",) if request.GET.get("status__exact") == MessageStatus.QUEUED else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # A union, so that each part has its index.
        rows = Message.objects.order_by()
        found = (
            rows.filter(msg_id=term)
            .values("pk")
            .union(
                rows.filter(reference=term).values("pk"),
                rows.filter(account__in=Account.objects.filter(username=term)).values("pk"),
            )
        )
        return queryset.filter(pk__in=found), False

    @admin.display(description="region")
    def region_code(self, message: Message) -> str:
        return message.region

    @admin.display(description="weight")
    def weight(self, message: Message) -> str:
        return f"{message.weight_g:g} g"

    @admin.display(description="insured value")
    def insured(self, message: Message) -> str:
        return display.money(message.insured_value)

    @admin.display(description="status")
    def state(self, message: Message) -> SafeString:
        return display.badge(message.status)

    @admin.display(description="priority")
    def urgency(self, message: Message) -> str:
        return str(message.get_priority_display())

    @admin.display(description="age")
    def age(self, message: Message) -> SafeString:
        return display.age(message.created_at)

    @admin.display(description="held")
    def is_held(self, message: Message) -> SafeString | str:
        return display.badge("held") if message.held_at and actions.is_queued(message) else "-"

    @admin.display(description="eta")
    def arrival(self, message: Message) -> SafeString | str:
        return display.moment(message.eta)

    @admin.display(description="cost")
    def price(self, message: Message) -> str:
        return display.money(message.cost)

    @admin.display(description="recipient")
    def recipient(self, message: Message) -> str:
        return " ".join(
            filter(None, (message.recipient_name, f"({message.recipient_id})" * bool(message.recipient_id)))
        )

    @admin.display(description="address")
    def postal_address(self, message: Message) -> str:
        return display.postal_address(message.address)

    @admin.display(description="position")
    def position(self, message: Message) -> str:
        return display.position(message)

    @admin.display(description="couriers asked for")
    def asked_for(self, message: Message) -> SafeString | str:
        asked = message.requested.order_by("rank").values_list("courier__pgn_id", flat=True)
        return format_html("{}", ", ".join(asked) or "-")
