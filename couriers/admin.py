"""Couriers in the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from couriers.models import Courier, CourierStatus
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
        return f"{courier.latitude:.3f}, {courier.longitude:.3f}"


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
