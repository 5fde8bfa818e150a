"""Campaigns that go by pigeon, and the pigeons that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from campaigns.engine.following import follow_batch
from campaigns.models import Campaign
from messages.dispatch.departures import dispatch_batch
from messages.dispatch.landing import land_due
from messages.models import Flight
from ops_console.ledger.models import Account
from tests.campaigning import ACK, crowd, send, started

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BY_PIGEON: Mapping[str, Any] = {**ACK, "type": "pigeon"}
HOME = {
    "address.street": "Roost Road 7",
    "address.city": "Phoenix",
    "address.region": "AZ",
    "address.postalCode": "85001",
    "address.country": "US",
}


def living(**changed: str) -> dict[str, Any]:
    """A profile with an address; an empty part is left out."""
    parts = HOME | {f"address.{name}": value for name, value in changed.items()}
    return {"custom_attributes": {name: value for name, value in parts.items() if value}}


def people(account: Account, n: int, **changed: str) -> list[Any]:
    return crowd(n, account.organization, living(**changed))


def by_pigeon(members: list[Any], *steps: Mapping[str, Any], **more: Any) -> Campaign:
    return started(members, *(steps or (send(config=BY_PIGEON),)), **more)


def fly(now: datetime) -> datetime:
    """Let what is queued fly and arrive; return when the last has."""
    dispatch_batch(now=now)
    arrived = max(Flight.objects.filter(outcome="flying").values_list("arrives_at", flat=True))
    land_due(now=arrived)
    return arrived


def follow(now: datetime) -> int:
    return sum(iter(lambda: follow_batch(now=now), 0))
