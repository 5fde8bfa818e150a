"""Who flies what: each message of a batch, in order, takes the first courier of its rules.

A pinned courier first, then the requested ones while their time lasts, then the available courier nearest to the
destination that can carry the weight and make the timeframe (design section 5).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from couriers import grid
from couriers.flight import flight_duration, rest_duration
from messages.dispatch.pool import Candidate, CourierPool
from messages.models import Message

# Cells of some 50 km: where a search starts before a first batch has shown how dense the fleet is.
FIRST_LEVEL = 8
# Of a cell's code: what leaves the cell of level 5.
PART_SHIFT = 3 * (grid.FINEST_LEVEL - 5)
# Seeing as many couriers, a search could have begun one, two, three levels nearer: each holds about a fourth.
CROWDS = (5, 20, 80)
# Cells of some 200 km.
COARSEST_START = 6
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
    # Ids of suitable couriers, nearest first: all there are within the distance the level covers.
    near: list[int] = field(default_factory=list)
    vector: grid.Vector = (0.0, 0.0, 0.0)
    # The part of the world the destination lies in: a cell of some 400 km.
    part: int = 0

    @classmethod
    def of(cls, message: Message) -> QueuedMessage:
        return cls(*(getattr(message, name) for name in CLAIMED))

    def locate(self) -> None:
        """Work out where on the sphere the destination is."""
        self.vector = grid.unit_vector(self.latitude, self.longitude)
        self.part = grid.cell_of_point(self.vector) >> PART_SHIFT

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


class Levels:
    """Remembers how far around searches had to look in each part of the world, so that the next begins there.

    Only a hint: a wrong one costs time, never the nearest courier.
    """

    def __init__(self, first: int = FIRST_LEVEL) -> None:
        self._first = first
        self._known: dict[int, int] = {}

    def start(self, message: QueuedMessage) -> int:
        return self._known.get(message.part, self._first)

    def learn(self, messages: Iterable[QueuedMessage]) -> None:
        """Begin where one was found, and nearer where many were.

        Never farther than COARSEST_START: a fleet that was all away may be back.
        """
        for message in messages:
            steps_nearer = bisect_right(CROWDS, len(message.near))
            self._known[message.part] = min(max(message.level + steps_nearer, COARSEST_START), grid.FINEST_LEVEL)


class Matcher:
    """Matches one batch."""

    def __init__(self, *, now: datetime, levels: Levels | None = None) -> None:
        self.now = now
        self.levels = levels or Levels()
        self.pool = CourierPool(now=now)
        # By position in the batch: what messages weighed that nobody then free in the whole world could carry.
        self._hopeless_g: dict[int, float] = {}

    def match(self, batch: Sequence[QueuedMessage]) -> list[Match]:
        """Give each message its courier where there is one, in the batch's order.

        Everybody chooses among those fetched so far; then those who must look farther do, together, and all from the
        first of them on choose again: what an earlier message wants, a later one cannot have.
        """
        self.pool.fetch_by_id(courier for message in batch for courier in self._named(message))
        for message in batch:
            message.near = self._by_name(message)
        anyone = [message for message in batch if not self._wants_someone(message)]
        for message in anyone:
            message.locate()
            message.level = self.levels.start(message)
        self._look(anyone)
        self._hopeless_g = {-1: min(self._hopeless_g.values(), default=math.inf)}
        chosen: list[int | None] = []
        while unsettled := self._choose(batch, chosen):
            self.pool.taken.difference_update(chosen[unsettled[0] :])
            del chosen[unsettled[0] :]
            self._hopeless_g = {at: weight for at, weight in self._hopeless_g.items() if at < unsettled[0]}
            self._look_farther([batch[position] for position in unsettled])
        self.levels.learn(anyone)
        pairs = zip(batch, chosen, strict=True)
        return [
            Match.of(message, self.pool.get(courier), now=self.now) for message, courier in pairs if courier is not None
        ]

    def _choose(self, batch: Sequence[QueuedMessage], chosen: list[int | None]) -> list[int]:
        """Let the messages from ``len(chosen)`` on take their couriers; return the positions that must look farther."""
        unsettled = []
        taken = self.pool.taken
        hopeless_g = min(self._hopeless_g.values())
        for position in range(len(chosen), len(batch)):
            message = batch[position]
            courier = next((near for near in message.near if near not in taken), None)
            if courier is not None:
                taken.add(courier)
            elif message.level > 0 and message.weight_g < hopeless_g and not self._wants_someone(message):
                unsettled.append(position)
            elif message.level == 0 and message.deliver_max is None:
                self._hopeless_g[position] = message.weight_g
                hopeless_g = min(hopeless_g, message.weight_g)
            chosen.append(courier)
        return unsettled

    def _look_farther(self, messages: Sequence[QueuedMessage]) -> None:
        for message in messages:
            message.level = max(message.level - 1, 0)
        self._look(messages)

    def _look(self, messages: Sequence[QueuedMessage]) -> None:
        """Let the messages see everybody within the distance their levels cover: one query."""
        ranges = [grid.ranges_around_point(message.vector, message.level) for message in messages]
        self.pool.fetch(range_ for some in ranges for range_ in some)
        for message, some in zip(messages, ranges, strict=True):
            message.near = self.pool.near(
                message.vector,
                some,
                within=grid.covered_chord(message.level),
                weight_g=message.weight_g,
                suits=self._in_time(message),
            )

    def _wants_someone(self, message: QueuedMessage) -> bool:
        return message.pinned_courier_id is not None or message.waits_for_requested(self.now)

    def _named(self, message: QueuedMessage) -> list[int]:
        if message.pinned_courier_id is not None:
            return [message.pinned_courier_id]
        return message.requested if message.waits_for_requested(self.now) else []

    def _by_name(self, message: QueuedMessage) -> list[int]:
        named = (self.pool.by_id(courier) for courier in self._named(message))
        return [courier.id for courier in named if courier is not None and self._suits(message, courier)]

    def _in_time(self, message: QueuedMessage) -> Callable[[Candidate], bool] | None:
        """The test of a candidate against the message's timeframe, if it has one."""
        if message.deliver_max is None:
            return None
        return lambda courier: self._suits(message, courier)

    def _suits(self, message: QueuedMessage, courier: Candidate) -> bool:
        if courier.payload_g < message.weight_g:
            return False
        if message.deliver_max is None:
            return True
        flight = flight_duration(distance_km=message.distance_km(courier), speed_kmh=courier.speed_kmh)
        return self.now + flight <= message.deliver_max
