"""What a draft comes to: where it goes, what it weighs and costs, when it may fly and arrive. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from couriers import grid
from couriers.models import Courier
from couriers.nearest import Among, fastest_arrival, nearest_courier, nearest_place
from couriers.places import resolve_address
from messages.dispatch.matching import END_OF_CALENDAR
from messages.drafts import Address, Content, Destination, Extras, MessageDraft, Timeframe
from messages.models import Message, MessageFormat, Priority, Recipient
from messages.pricing import MAX_WEIGHT_G, price, weight_g
from ops_console.errors import FieldError, InvalidInput
from ops_console.ledger.models import Account
from ops_console.outbox.addresses import check_url
from ops_console.regions import LOFTS, Region

# The document's bounds on a timeframe with both ends.
SHORTEST_TIMEFRAME = timedelta(hours=16)
LONGEST_TIMEFRAME = timedelta(hours=168)
# How long a message without an end of its timeframe waits for the couriers it asks for, once it may fly.
REQUESTED_WAIT = timedelta(hours=24)
# How long before the last moment the wait for requested couriers ends when there is such an end.
MARGIN = timedelta(minutes=5)
# What an ETA supposes while there is no courier at work in the whole world.
LONGEST_WAIT = timedelta(hours=48)


@dataclass(frozen=True)
class Located:
    """A destination with the place it resolved to; degrees north and east."""

    recipient_id: str
    recipient_name: str
    address: Address
    place_name: str
    region: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Schedule:
    """When a message is expected, before when it is not looked at, until when it waits for requested couriers."""

    eta: datetime
    wait_until: datetime | None
    requested_until: datetime | None


@dataclass(frozen=True)
class Plan:
    located: Located
    weight_g: float
    cost: Decimal
    schedule: Schedule
    # Ids of the requested couriers, best liked first.
    requested: tuple[int, ...]


def plan_message(*, account: Account, draft: MessageDraft, now: datetime, unchanged: Message | None = None) -> Plan:
    """Look everything up and check every rule but ``check_callback``'s.

    Of an ``unchanged`` message the parts the draft leaves as they are keep what they resolved to, and what was in time
    when it was given is not judged again.

    Raises:
        InvalidInput: naming each member at fault.
    """
    before = draft_of(unchanged) if unchanged else None
    located = (
        located_of(unchanged)
        if unchanged and before and before.destination == draft.destination
        else locate(account, draft.destination)
    )
    weight = weigh(draft.content)
    requested = find_requested(draft.requested)
    if before is None or before.timeframe != draft.timeframe:
        check_timeframe(draft.timeframe, before=before.timeframe if before else Timeframe(), now=now)
    if unchanged is None or _is_harder(unchanged, located, weight, draft.timeframe.max):
        check_makeable(located, weight, draft.timeframe, now=now)
    return Plan(
        located=located,
        weight_g=weight,
        cost=quote_price(account, located, weight, draft.extras),
        schedule=schedule(located, weight, draft.timeframe, is_requested=bool(requested), now=now),
        requested=requested,
    )


def locate(account: Account, destination: Destination) -> Located:
    """Where the destination is: an address wins over an entry of the account's address book.

    Raises:
        InvalidInput: the address resolves to no place, or there is neither an address nor an entry.
    """
    entry = None
    if destination.recipient_id and not destination.name:
        entry = Recipient.objects.of_account(account.pk).filter(recipient_id=destination.recipient_id).first()
    if destination.address is not None:
        name = entry.name if entry else destination.name
        return _resolved(destination.recipient_id, name, destination.address)
    if entry is None:
        raise InvalidInput.field(
            "destination",
            *(["recipientId"] if destination.recipient_id else []),
            message="There is no such entry in the address book: add it, or give an address."
            if destination.recipient_id
            else "Give at least one of recipientId and address.",
            code="unknown_recipient" if destination.recipient_id else "required",
        )
    return Located(
        entry.recipient_id,
        entry.name,
        Address(**entry.address),
        entry.place_name,
        entry.region,
        entry.latitude,
        entry.longitude,
    )


def _resolved(recipient_id: str, name: str, address: Address) -> Located:
    place, latitude, longitude = resolve(address, path=("destination", "address"))
    return Located(recipient_id, name, address, str(place), place.region, latitude, longitude)


def resolve(address: Address, *, path: tuple[str, ...]) -> tuple[Any, float, float]:
    """The place of an address, and the exact point: the one given, or the place's own.

    Raises:
        InvalidInput: it resolves to no place.
    """
    if address.latitude is not None and address.longitude is not None:
        place = nearest_place(latitude=address.latitude, longitude=address.longitude)
        return place, address.latitude, address.longitude
    place = resolve_address(city=address.city, region=address.region, country=address.country, path=path)
    return place, place.latitude, place.longitude


class Places:
    """Finds where addresses are, and remembers places: a query for each, however many live there."""

    def __init__(self) -> None:
        self._known: dict[Address, Located | InvalidInput] = {}

    def find(self, address: Address) -> Located:
        """As ``locate`` for an address alone."""
        where = replace(address, street="", postal_code="")
        if where not in self._known:
            try:
                self._known[where] = _resolved("", "", where)
            except InvalidInput as error:
                self._known[where] = error
        found = self._known[where]
        if isinstance(found, InvalidInput):
            raise found
        return replace(found, address=address)


def weigh(content: Content) -> float:
    """Weight in grams.

    Raises:
        InvalidInput: it is more than any courier carries.
    """
    weight = weight_g(subject=content.subject, body=content.body)
    if weight > MAX_WEIGHT_G:
        raise InvalidInput.field(
            "message",
            "body",
            message=f"This weighs {weight:g} g on paper; no courier carries more than {MAX_WEIGHT_G:g} g: shorten it.",
            code="too_heavy",
        )
    return weight


def check_timeframe(timeframe: Timeframe, *, before: Timeframe, now: datetime) -> None:
    """Hold the document's rules on timeframes; an end that was there ``before`` may have passed since.

    Raises:
        InvalidInput: an end is in the past, or the ends are less than 16 or more than 168 hours apart.
    """
    ends = (("min", before.min, timeframe.min), ("max", before.max, timeframe.max))
    errors = [
        FieldError(("timeframe", name), "This is in the past: give a time to come.", "in_the_past")
        for name, old, at in ends
        if at is not None and at != old and at <= now
    ]
    if timeframe.min and timeframe.max:
        length = timeframe.max - timeframe.min
        if not SHORTEST_TIMEFRAME <= length <= LONGEST_TIMEFRAME:
            text = "max must be at least 16 and at most 168 hours after min."
            errors.append(FieldError(("timeframe", "max"), text, "timeframe_length"))
    if errors:
        raise InvalidInput(errors)


def check_makeable(located: Located, weight: float, timeframe: Timeframe, *, now: datetime) -> None:
    """Raise InvalidInput when no courier, free or not, can be there by ``timeframe.max``."""
    if timeframe.max is None:
        return
    where = {"latitude": located.latitude, "longitude": located.longitude}
    if fastest_arrival(**where, payload_g=weight, now=now, not_after=timeframe.max) is None:
        text = "No courier can be there by then: give a later time."
        raise InvalidInput.field("timeframe", "max", message=text, code="unmakeable")


def _is_harder(unchanged: Message, located: Located, weight: float, end: datetime | None) -> bool:
    """Whether an edit may have made a message's timeframe one that nobody can make."""
    return (located, weight, end) != (located_of(unchanged), unchanged.weight_g, unchanged.deliver_max)


def check_callback(draft: MessageDraft, *, before: MessageDraft | None = None) -> None:
    """Ask the address guard about a callback that is new. It may look up a name: call it outside transactions.

    Raises:
        InvalidInput: the address is not one we send to.
    """
    url = draft.extras.callback_url
    if url and (before is None or before.extras.callback_url != url):
        check_url(url, path=("extras", "callbackUrl"))


def find_requested(pgn_ids: tuple[str, ...]) -> tuple[int, ...]:
    """The ids of the couriers, in the order given.

    Raises:
        InvalidInput: naming each that is unknown or repeated.
    """
    if not pgn_ids:
        return ()
    known = dict(Courier.objects.filter(pgn_id__in=pgn_ids).values_list("pgn_id", "id"))
    errors = []
    for position, pgn_id in enumerate(pgn_ids):
        if pgn_id not in known:
            text = f"There is no courier {pgn_id}."
            errors.append(FieldError(("requestedCourier", position), text, "unknown_courier"))
        elif pgn_id in pgn_ids[:position]:
            text = f"{pgn_id} is named twice."
            errors.append(FieldError(("requestedCourier", position), text, "repeated"))
    if errors:
        raise InvalidInput(errors)
    return tuple(known[pgn_id] for pgn_id in pgn_ids)


def quote_price(account: Account, located: Located, weight: float, extras: Extras) -> Decimal:
    """Price in US dollars, from the loft of the account's region: it does not depend on who flies."""
    loft = LOFTS[Region(account.region)]
    distance = grid.great_circle_km(loft.latitude, loft.longitude, located.latitude, located.longitude)
    return price(distance_km=distance, weight_g=weight, priority=extras.priority, insured_value=extras.insured_value)


def schedule(located: Located, weight: float, timeframe: Timeframe, *, is_requested: bool, now: datetime) -> Schedule:
    """When it will fly and arrive if the courier that is nearest now takes it."""
    nearest_here = partial(
        nearest_courier, latitude=located.latitude, longitude=located.longitude, payload_g=weight, now=now
    )
    nearest = nearest_here() or nearest_here(among=Among.WORKING)
    flight = nearest.arrives_at - now if nearest else LONGEST_WAIT
    departs_at = max(now, timeframe.min - flight) if timeframe.min else now
    return Schedule(
        eta=departs_at + flight,
        wait_until=departs_at if departs_at > now else None,
        requested_until=_others_from(departs_at, timeframe, flight) if is_requested else None,
    )


def _others_from(departs_at: datetime, timeframe: Timeframe, flight: timedelta) -> datetime:
    """From when on other couriers than the requested ones may fly it, too."""
    if timeframe.max is None:
        return departs_at + min(REQUESTED_WAIT, END_OF_CALENDAR - departs_at)
    return max(departs_at, timeframe.max - flight - MARGIN)


def located_of(message: Message) -> Located:
    """What the message's destination resolved to when it was given."""
    return Located(
        message.recipient_id,
        message.recipient_name,
        Address(**message.address),
        message.place_name,
        message.region,
        message.latitude,
        message.longitude,
    )


def draft_of(message: Message) -> MessageDraft:
    """The draft a message stands for now; one query for its requested couriers."""
    requested = message.requested.order_by("rank").values_list("courier__pgn_id", flat=True)
    return MessageDraft(
        destination=Destination(message.recipient_id, Address(**message.address)),
        content=Content(body=message.body, subject=message.subject, format=MessageFormat(message.format)),
        timeframe=Timeframe(message.deliver_min, message.deliver_max),
        requested=tuple(requested),
        extras=Extras(
            priority=Priority(message.priority),
            return_receipt=message.return_receipt,
            insured_value=message.insured_value,
            reference=message.reference,
            callback_url=message.callback_url,
        ),
    )
