"""The tables on a message's page: one or two queries each."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html_join

from messages.models import Flight, Message
from ops_console.console.display import badge, link, list_url, moment, money, table, timeline
from ops_console.console.registry import Part
from ops_console.ledger.models import Entry, Refund
from ops_console.outbox.models import Webhook

# A message has a handful of each; more is cut off rather than slow.
MOST = 100


def events(message: Message) -> dict[str, Any]:
    return timeline("Timeline", message.events.order_by("id")[:MOST])


def flights(message: Message) -> dict[str, Any]:
    rows = message.flights.select_related("courier").order_by("id")[:MOST]
    return table(
        "Flights",
        ("Courier", "Outcome", "Departed", "Arrives", "Ended", "Distance"),
        [(link(flight.courier), *flight_cells(flight)) for flight in rows],
        empty="It has not flown yet: dispatch takes it when a courier is free, or use 'Dispatch now'.",
    )


def flight_cells(flight: Flight) -> tuple[Any, ...]:
    return (
        badge(flight.outcome),
        moment(flight.departed_at),
        moment(flight.arrives_at),
        moment(flight.ended_at),
        f"{flight.distance_km:,.0f} km",
    )


def refunds(message: Message) -> dict[str, Any]:
    rows = Refund.objects.with_charge_and_people().filter(charge__reference=message.msg_id).order_by("created_at")
    return table(
        "Refunds",
        ("Amount", "Status", "Reason", "Asked by", "Decided by", "At"),
        [
            (
                link(refund, money(refund.amount)),
                badge(refund.status),
                refund.reason,
                refund.requested_by or refund.get_origin_display(),
                refund.decided_by or "-",
                moment(refund.created_at),
            )
            for refund in rows[:MOST]
        ],
        empty="Nothing was given back.",
    )


def entries(message: Message) -> dict[str, Any]:
    rows = Entry.objects.with_postings().filter(reference=message.msg_id).order_by("posted_at", "id")[:MOST]
    return table(
        "Ledger",
        ("Entry", "Posted", "Postings", "Memo", "By"),
        [
            (link(row, row.get_kind_display()), moment(row.posted_at), postings(row), row.memo, row.actor)
            for row in rows
        ],
        empty="Nothing was posted for it.",
    )


def postings(entry: Entry) -> str:
    """Account and amount of each, from what was prefetched."""
    parts = sorted((posting.account.username, money(posting.amount)) for posting in entry.postings.all())
    return format_html_join(", ", "{} {}", parts)


def webhooks(message: Message) -> dict[str, Any]:
    rows = Webhook.objects.for_list().about(message.msg_id)[:MOST]
    return table(
        "Webhooks",
        ("Event", "Status", "Attempts", "To", "Queued"),
        [(link(row, row.event), badge(row.status), row.n_attempts, row.host, moment(row.created_at)) for row in rows],
        empty="None: the message names no callbackUrl, or they are past their keep.",
        more_url=list_url(Webhook, f"q={message.msg_id}"),
    )


ALL = (
    Part("messages", events, "console/_timeline.html"),
    Part("messages", flights),
    Part("refunds", refunds),
    Part("entries", entries),
    Part("webhooks", webhooks),
)
