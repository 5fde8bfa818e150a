"""Couriers, and the places addresses lead to, in the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from couriers.models import Courier, CourierStatus, Place
from couriers.places import fold_name
from couriers.services import bring_back, take_out_of_service
from ops_console.console import display
from ops_console.console.actions import Call, Report, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Panel, Part, add_panel

MOST_EVENTS = 20


def for_each(service: Callable[..., None]) -> Callable[[Call], Report]:
    def run(call: Call) -> Report:
        return each(call, lambda courier: service(courier_id=courier.pk, actor=call.actor, now=call.now, **call.given))

    return run


OFFLINE = ServiceAction(
    name="offline",
    label="Take out of service",
    resource="couriers",
    right="update",
    run=for_each(take_out_of_service),
    preview=lambda call: ("They fly no more until they are brought back. One that flies now is refused.",),
    applies=lambda courier: courier.status in {CourierStatus.AVAILABLE, CourierStatus.RESTING},
    done="taken out of service",
    icon="do_not_disturb_on",
    is_dangerous=True,
)
BACK = ServiceAction(
    name="back",
    label="Bring back",
    resource="couriers",
    right="update",
    run=for_each(bring_back),
    preview=lambda call: ("They may fly again at once, from where they are.",),
    applies=lambda courier: courier.status == CourierStatus.OFFLINE,
    done="brought back",
    icon="play_arrow",
)


def events(courier: Courier) -> dict[str, Any]:
    rows = list(courier.events.order_by("-id")[:MOST_EVENTS])
    return display.timeline("Latest events", rows[::-1])


@admin.register(Courier)
class CourierAdmin(ConsoleAdmin):
    resource = "couriers"
    audited_as = ("courier", "pgn_id")
    service_actions = (OFFLINE, BACK)
    parts = (Part("couriers", events, "console/_timeline.html"),)
    empty_text = "There are no couriers yet. Load a fleet with 'manage.py loadcouriers FILE.csv'."

    list_display = ("pgn_id", "state", "variety", "partner", "region", "speed", "payload", "ready")
    list_filter = ("status", "variety", "region")
    search_fields = ("pgn_id", "partner")
    search_help_text = "pgnId or partner"
    ordering = ("pgn_id",)
    sortable_by = ("pgn_id",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("pgn_id", "state", "variety", "partner", "region")}),
        ("Flight", {"fields": ("speed", "payload", "position", "ready", "created_at")}),
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.defer("latitude", "longitude", "cell", "created_at")

    @admin.display(description="status")
    def state(self, courier: Courier) -> SafeString:
        return display.badge(courier.status)

    @admin.display(description="speed")
    def speed(self, courier: Courier) -> str:
        return f"{courier.speed_kmh:g} km/h"

    @admin.display(description="payload")
    def payload(self, courier: Courier) -> str:
        return f"{courier.payload_g:g} g"

    @admin.display(description="ready at")
    def ready(self, courier: Courier) -> SafeString | str:
        return display.moment(courier.ready_at)

    @admin.display(description="position")
    def position(self, courier: Courier) -> str:
        return display.position(courier)


@admin.register(Place)
class PlaceAdmin(ConsoleAdmin):
    """Reference data for those who see the fleet: some 34,000 rows, so no list of them needs an index."""

    resource = "couriers"
    empty_text = "There are no places yet, so no address leads anywhere. Load them with 'manage.py loadplaces'."

    list_display = ("name", "country", "admin1", "region_code", "people", "position")
    list_filter = ("region",)
    search_fields = ("name",)
    search_help_text = "The beginning of its name, or any name it goes by in full"
    ordering = ("-population", "id")
    fields = ("name", "other_names", "country", "admin1", "region", "people", "position")

    def list_rows(self, rows: Any) -> Any:
        return rows.defer("names", "cell")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Place], search_term: str
    ) -> tuple[QuerySet[Place], bool]:
        term = search_term.strip()
        known_as = Q(names__contains=[fold_name(term)]) | Q(name__istartswith=term)
        return queryset.filter(known_as) if term else queryset, False

    @admin.display(description="region")
    def region_code(self, place: Place) -> str:
        return place.region

    @admin.display(description="population")
    def people(self, place: Place) -> str:
        return f"{place.population:,}"

    @admin.display(description="position")
    def position(self, place: Place) -> str:
        return display.position(place)

    @admin.display(description="found under")
    def other_names(self, place: Place) -> str:
        return ", ".join(place.names)


def fleet_panel(now: datetime) -> dict[str, Any]:
    """How many couriers there are in each status. One query."""
    counts = Courier.objects.n_by_status()
    rows = [
        (
            display.badge(status),
            f"{counts.get(status, 0):,}",
            display.list_link(Courier, f"status__exact={status}"),
        )
        for status in CourierStatus.values
    ]
    return display.table(
        "Couriers by status",
        ("Status", "Couriers", ""),
        rows if counts else [],
        empty="There are no couriers yet. Load a fleet with 'manage.py loadcouriers FILE.csv'.",
    )


add_panel(Panel(30, "couriers", fleet_panel))
