"""What a client asks for, before anything is looked up: values that cross from a face to the services."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from messages.models import MessageFormat, Priority


@dataclass(frozen=True)
class Address:
    """A postal address, or a point in degrees north and east; one of the two forms is set."""

    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    # ISO 3166-1 alpha-2.
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True)
class Destination:
    """At least one of the two; given both, the address wins."""

    recipient_id: str = ""
    address: Address | None = None
    # Who lives at the address, where the address book is not to be asked.
    name: str = ""


@dataclass(frozen=True)
class Content:
    body: str
    subject: str = ""
    format: MessageFormat = MessageFormat.TEXT


@dataclass(frozen=True)
class Timeframe:
    """When delivery is wanted; either end may be open."""

    min: datetime | None = None
    max: datetime | None = None


@dataclass(frozen=True)
class Extras:
    priority: Priority = Priority.STANDARD
    return_receipt: bool = False
    # US dollars, 0 to 500.
    insured_value: Decimal = Decimal(0)
    reference: str = ""
    callback_url: str = ""


@dataclass(frozen=True)
class MessageDraft:
    """A whole message as the client wants it. ``requested`` holds pgnIds, best liked first."""

    destination: Destination
    content: Content
    timeframe: Timeframe = field(default_factory=Timeframe)
    requested: tuple[str, ...] = ()
    extras: Extras = field(default_factory=Extras)
