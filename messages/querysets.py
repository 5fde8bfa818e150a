"""Named reads of messages, flights and the address book."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models
from django.db.models import Sum

from ops_console.organizations.querysets import TenantQuerySet

if TYPE_CHECKING:
    from messages.models import Flight, Message, MessageFlow, Recipient  # noqa: F401


class MessageQuerySet(TenantQuerySet["Message"]):
    def of_account(self, account_id: UUID) -> MessageQuerySet:
        return self.filter(account_id=account_id)

    def queued(self) -> MessageQuerySet:
        return self.filter(status="queued")

    def with_names(self) -> MessageQuerySet:
        """Joined with what lists show of account and organization."""
        return self.select_related("account", "organization")

    def for_list(self) -> MessageQuerySet:
        """With the account, and without what is long."""
        return self.select_related("account").defer("body", "address")

    def for_status(self) -> MessageQuerySet:
        """With what its client sees of it."""
        return self.defer("body", "address")

    def for_detail(self) -> MessageQuerySet:
        """With the account, the couriers asked for, the flights and the events: four queries."""
        return self.select_related("account", "pinned_courier").prefetch_related(
            models.Prefetch("requested", _model("RequestedCourier").select_related("courier").order_by("rank")),
            models.Prefetch("flights", _model("Flight").select_related("courier").order_by("id")),
            models.Prefetch("events", _model("MessageEvent").order_by("id")),
        )


class FlightQuerySet(models.QuerySet["Flight"]):
    def latest_of(self, message_ids: Sequence[int]) -> dict[int, Flight]:
        """The latest flight of each message that has one, with its courier: one query."""
        flights = self.filter(message_id__in=message_ids).select_related("courier").order_by("id")
        return {flight.message_id: flight for flight in flights}

    def aloft(self) -> FlightQuerySet:
        return self.filter(outcome="flying")


def _model(name: str) -> models.QuerySet[Any]:
    # The models import this module.
    rows: models.QuerySet[Any] = apps.get_model("pigeon_messages", name)._default_manager.all()
    return rows


class RecipientQuerySet(TenantQuerySet["Recipient"]):
    tenant_field = "account__organization"

    def of_account(self, account_id: UUID) -> RecipientQuerySet:
        return self.filter(account_id=account_id)

    def with_account(self) -> RecipientQuerySet:
        return self.select_related("account")


OLDEST = """
SELECT region, (SELECT m.created_at FROM pigeon_messages_message m
                WHERE m.status = 'queued' AND m.region = r.region ORDER BY m.id LIMIT 1)
FROM unnest(%s::text[]) AS r (region)
"""


class MessageFlowQuerySet(models.QuerySet["MessageFlow"]):
    def totals(self) -> list[tuple[str, str, str, int]]:
        """(region, from status, to status, how many ever) of every move there was."""
        rows = self.values_list("region", "from_status", "to_status").annotate(total=Sum("n"))
        return list(rows.order_by("region", "from_status", "to_status"))

    def depths(self) -> dict[tuple[str, str], int]:
        """How many messages stand in each (region, status) now, without looking at the messages."""
        depths: dict[tuple[str, str], int] = {}
        for region, old, new, n in self.totals():
            if new:
                depths[region, new] = depths.get((region, new), 0) + n
            if old:
                depths[region, old] = depths.get((region, old), 0) - n
        return depths


def oldest_queued(regions: Sequence[str]) -> dict[str, datetime]:
    """Since when the oldest queued message of each region waits; one index look-up a region."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST, [list(regions)])
        rows: list[Any] = cursor.fetchall()
    return {region: created_at for region, created_at in rows if created_at is not None}
