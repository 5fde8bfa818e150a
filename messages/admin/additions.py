"""What messages add to other apps' pages, and to the dashboard."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from couriers.models import Courier
from messages.admin.parts import MOST, flight_cells
from messages.models import Flight, Message, MessageFlow, MessageStatus
from messages.querysets import oldest_queued
from messages.services.refunds import approve_refund
from ops_console.console import forms
from ops_console.console.actions import Call, Report, ServiceAction, each
from ops_console.console.display import age, badge, link, list_link, list_url, money, table
from ops_console.console.registry import Panel, Part, add_panel, extend
from ops_console.ledger.models import Account, Refund, RefundStatus
from ops_console.organizations.models import Organization
from ops_console.regions import Region

RECENT = 10


def approve(call: Call) -> Report:
    return each(call, lambda refund: approve_refund(refund_id=refund.pk, actor=call.actor, now=call.now, **call.given))


def preview_approval(call: Call) -> list[str]:
    total = sum(refund.amount for refund in call.objects)
    return [f"{money(total)} goes back to the accounts at once.", "You cannot approve what you asked for yourself."]


APPROVE = ServiceAction(
    name="approve",
    label="Approve",
    resource="refunds",
    right="approve",
    run=approve,
    preview=preview_approval,
    applies=lambda refund: refund.status == RefundStatus.REQUESTED,
    form=forms.OptionalReasonForm,
    done="approved and posted",
    icon="check",
)


def flown(courier: Courier) -> dict[str, Any]:
    rows = Flight.objects.filter(courier=courier).select_related("message").order_by("-id")[:RECENT]
    return table(
        "Latest flights",
        ("Message", "Outcome", "Departed", "Arrives", "Ended", "Distance"),
        [(link(flight.message), *flight_cells(flight)) for flight in rows],
        empty="It has not flown yet.",
    )


def sent_by(account: Account) -> dict[str, Any]:
    rows = Message.objects.of_account(account.pk).defer("body", "address").order_by("-id")[:RECENT]
    return latest(rows, list_url(Message, f"q={account.username}"))


def sent_by_organization(organization: Organization) -> dict[str, Any]:
    rows = Message.objects.filter(organization=organization).defer("body", "address").order_by("-id")[:RECENT]
    return latest(rows, list_url(Message, f"organization__id__exact={organization.pk}"))


def latest(rows: Any, more_url: str) -> dict[str, Any]:
    return table(
        "Latest messages",
        ("msgId", "Status", "Region", "Age", "Cost"),
        [(link(row), badge(row.status), row.region, age(row.created_at), money(row.cost)) for row in rows],
        empty="It has sent no message yet.",
        more_url=more_url,
    )


def message_of(refund: Refund) -> dict[str, Any]:
    """The message that was paid for, found by the charge's reference."""
    rows = Message.objects.filter(msg_id=refund.charge.reference).defer("body", "address")[:MOST]
    return latest(rows, "") | {"title": "Message", "empty": "The charge is of no message."}


def queue_panel(now: datetime) -> dict[str, Any]:
    """Depths from the maintained counters, and the oldest of each region by one look-up each: two queries."""
    depths = MessageFlow.objects.depths()
    oldest = oldest_queued(Region.values)
    regions = [region for region in Region.values if any(depths.get((region, s)) for s in MessageStatus.values)]
    rows = [
        (
            region,
            *(depth_link(region, status, depths.get((region, status), 0)) for status in MessageStatus.values),
            age(oldest[region]) if region in oldest else "-",
        )
        for region in regions
    ]
    return table(
        "Messages by region and status",
        ("Region", *MessageStatus.labels, "Oldest waits"),
        rows,
        empty="No message has been sent yet. Open an organization with an account, then POST to its messages.",
        more_url=list_url(Message, "status__exact=queued"),
    )


def depth_link(region: str, status: str, n: int) -> str:
    return list_link(Message, f"region__exact={region}&status__exact={status}", f"{n:,}") if n else "-"


extend("ledger.refund", actions=[APPROVE], parts=[Part("messages", message_of)])
extend("ledger.account", parts=[Part("messages", sent_by)])
extend("organizations.organization", parts=[Part("messages", sent_by_organization)])
extend("couriers.courier", parts=[Part("messages", flown)])
add_panel(Panel(10, "messages", queue_panel))
