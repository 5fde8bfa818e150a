"""Who flies what: each message of a batch, in order, takes the first courier of its rules.

A pinned courier first, then the requested ones while their time lasts, then the available courier nearest to the
destination that can carry the weight and make the timeframe (design section 5).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from couriers import grid
from couriers.flight import flight_duration, rest_duration
from messages.dispatch.pool import Candidate, CourierPool
from messages.models import Message

# Cells of some 50 km: where a search starts before a first batch has shown how dense the fleet is.
FIRST_LEVEL = 8
# How many messages behind one that must look farther are looked at together with it.
LOOK_AHEAD = 200
NEAREST_COSINE = [1.0 - grid.covered_chord(level) ** 2 / 2 for level in range(grid.FINEST_LEVEL + 1)]


# The columns dispatch reads, in the order of QueuedMessage's first fields.
CLAIMED = (
    "id",
    "msg_id",
    "organization_id",
    "region",
    "latitude",
    "longitude",
    "weight_g",
    "deliver_min",
    "deliver_max",
    "requested_until",
    "pinned_courier_id",
    "callback_url",
)


@dataclass(slots=True)
class QueuedMessage:
    """What dispatch knows of a claimed message; ``requested`` holds courier ids, best liked first."""

    id: int
    msg_id: str
    organization_id: object
    region: str
    latitude: float
    longitude: float
    weight_g: float
    deliver_min: datetime | None
    deliver_max: datetime | None
    requested_until: datetime | None
    pinned_courier_id: int | None
    callback_url: str
    requested: list[int] = field(default_factory=list)
    level: int = FIRST_LEVEL
    vector: grid.Vector = (0.0, 0.0, 0.0)
    ranges: list[grid.Range] = field(default_factory=list)

    @classmethod
    def of(cls, message: Message) -> QueuedMessage:
        return cls(*(getattr(message, name) for name in CLAIMED))

    def look_from(self, level: int) -> None:
        """Search the cells of this level round the destination."""
        self.level = level
        self.ranges = grid.ranges_around(self.latitude, self.longitude, level)

    def distance_km(self, courier: Candidate) -> float:
        return grid.great_circle_km(courier.latitude, courier.longitude, self.latitude, self.longitude)

    def waits_for_requested(self, now: datetime) -> bool:
        return self.requested_until is not None and self.requested_until > now

    def waits_for_someone(self, now: datetime) -> bool:
        """Whether it wants a certain courier, or anyone who makes its timeframe."""
        return self.pinned_courier_id is not None or self.deliver_max is not None or self.waits_for_requested(now)


@dataclass(slots=True)
class Match:
    """A message with the courier that will fly it, the distance in km and the time of the hand-over."""

    message: QueuedMessage
    courier: Candidate
    distance_km: float
    arrives_at: datetime

    @classmethod
    def of(cls, message: QueuedMessage, courier: Candidate, *, now: datetime) -> Match:
        """The flight that leaves now, and waits at the door until the timeframe opens."""
        distance_km = message.distance_km(courier)
        lands_at = now + flight_duration(distance_km=distance_km, speed_kmh=courier.speed_kmh)
        return cls(message, courier, distance_km, max(lands_at, message.deliver_min or lands_at))

    @property
    def ready_at(self) -> datetime:
        """When the courier has rested, if all goes well."""
        return self.arrives_at + rest_duration(distance_km=self.distance_km, speed_kmh=self.courier.speed_kmh)


class Matcher:
    """Matches one batch. ``level`` is where to start looking, and where the next batch should."""

    def __init__(self, *, now: datetime, level: int = FIRST_LEVEL) -> None:
        self.now = now
        self.level = level
        self.pool = CourierPool()
        # The lightest message that nobody free in the whole world could carry.
        self.hopeless_g = math.inf

    def match(self, batch: Sequence[QueuedMessage]) -> list[Match]:
        """Give each message its courier where there is one, in the batch's order."""
        anyone = [message for message in batch if not self._wants_someone(message)]
        self.pool.fetch_by_id(courier for message in batch for courier in self._named(message))
        self._prefetch(anyone)
        matches = []
        for position, message in enumerate(batch):
            courier = (
                self._by_name(message) if self._wants_someone(message) else self._nearest(message, batch, position)
            )
            if courier is not None:
                courier.taken = True
                matches.append(Match.of(message, courier, now=self.now))
        return matches

    def _wants_someone(self, message: QueuedMessage) -> bool:
        return message.pinned_courier_id is not None or message.waits_for_requested(self.now)

    def _named(self, message: QueuedMessage) -> list[int]:
        if message.pinned_courier_id is not None:
            return [message.pinned_courier_id]
        return message.requested if message.waits_for_requested(self.now) else []

    def _by_name(self, message: QueuedMessage) -> Candidate | None:
        named = (self.pool.by_id(courier) for courier in self._named(message))
        return next((courier for courier in named if courier is not None and self._suits(message, courier)), None)

    def _suits(self, message: QueuedMessage, courier: Candidate) -> bool:
        if courier.payload_g < message.weight_g:
            return False
        if message.deliver_max is None:
            return True
        flight = flight_duration(distance_km=message.distance_km(courier), speed_kmh=courier.speed_kmh)
        return self.now + flight <= message.deliver_max

    def _find(self, message: QueuedMessage) -> tuple[Candidate | None, bool]:
        """The nearest of those fetched, and whether nobody nearer can be beyond them."""
        courier, cosine = self.pool.nearest(message.vector, message.ranges, lambda found: self._suits(message, found))
        return courier, message.level == 0 or cosine >= NEAREST_COSINE[message.level]

    def _nearest(self, message: QueuedMessage, batch: Sequence[QueuedMessage], position: int) -> Candidate | None:
        if message.weight_g >= self.hopeless_g:
            return None
        courier, is_certain = self._find(message)
        while not is_certain:
            self._look_farther([message, *self._uncertain(batch[position + 1 : position + LOOK_AHEAD])])
            courier, is_certain = self._find(message)
        if courier is None and message.deliver_max is None:
            self.hopeless_g = message.weight_g
        return courier

    def _uncertain(self, messages: Sequence[QueuedMessage]) -> Iterator[QueuedMessage]:
        return (
            message
            for message in messages
            if not self._wants_someone(message) and message.weight_g < self.hopeless_g and not self._find(message)[1]
        )

    def _look_farther(self, messages: Sequence[QueuedMessage]) -> None:
        for message in messages:
            message.look_from(max(message.level - 1, 0))
        self.pool.fetch(range_ for message in messages for range_ in message.ranges)

    def _prefetch(self, messages: Sequence[QueuedMessage]) -> None:
        """Fetch until every message sees somebody it could have if it were alone."""
        for message in messages:
            message.vector = grid.unit_vector(message.latitude, message.longitude)
            message.look_from(self.level)
        self.pool.fetch(range_ for message in messages for range_ in message.ranges)
        uncertain = list(self._uncertain(messages))
        while uncertain:
            self._look_farther(uncertain)
            uncertain = list(self._uncertain(uncertain))
        if messages:
            levels = Counter(message.level for message in messages)
            self.level = max(level for level, n in levels.items() if n * 10 >= len(messages))
