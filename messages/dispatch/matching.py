"""Who flies what: each message of a batch, in order, takes the first courier of its rules.

A pinned courier and nobody else; or the requested ones first and, once their time is over, the available courier
nearest to the destination that can carry the weight and make the timeframe (design section 5).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from couriers import grid
from couriers.flight import durations, flight_hours, rest_hours
from couriers.grid_arrays import Floats, Ints, cells, great_circle_km, unit_vectors
from messages.dispatch.pool import NOBODY, Candidate, CourierPool, Seekers
from messages.models import Message

# Cells of some 50 km: where a search starts before a first batch has shown how dense the fleet is.
FIRST_LEVEL = 8
# Of a cell's code: what leaves the cell of level 5.
PART_SHIFT = 3 * (grid.FINEST_LEVEL - 5)
# Seeing as many couriers, a search begins one, two, three levels nearer the next time: each holds about a fourth.
CROWDS = (12, 48, 192)
# Cells of some 200 km.
COARSEST_START = 6
HOUR = timedelta(hours=1)
# As late as a timeframe may open; nobody has rested after it.
END_OF_CALENDAR = datetime.max.replace(tzinfo=UTC)
# The columns dispatch reads, in the order of QueuedMessage's first fields.
CLAIMED = (
    "id",
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

    @classmethod
    def of(cls, message: Message) -> QueuedMessage:
        return cls(*(getattr(message, name) for name in CLAIMED))

    def distance_km(self, courier: Candidate) -> float:
        return grid.great_circle_km(courier.latitude, courier.longitude, self.latitude, self.longitude)

    def wants(self) -> list[int]:
        """The ids of the couriers that are tried before all others, best liked first."""
        return self.requested if self.pinned_courier_id is None else [self.pinned_courier_id]

    def takes_anyone(self, now: datetime) -> bool:
        """Whether another courier than it wants may fly it, too."""
        return self.pinned_courier_id is None and not self.waits_for_requested(now)

    def waits_for_requested(self, now: datetime) -> bool:
        return self.requested_until is not None and self.requested_until > now

    def waits_for_someone(self, now: datetime) -> bool:
        """Whether only certain couriers may fly it, or whoever makes its timeframe."""
        return self.deliver_max is not None or not self.takes_anyone(now)

    def most_hours(self, now: datetime) -> float:
        """How long a flight that leaves now may take."""
        return math.inf if self.deliver_max is None else (self.deliver_max - now) / HOUR


@dataclass(slots=True)
class Match:
    """A message with the courier that will fly it, the distance in km and the time of the hand-over.

    ``ready_at``: when the courier has rested, if all goes well.
    """

    message: QueuedMessage
    courier: Candidate
    distance_km: float
    arrives_at: datetime
    ready_at: datetime

    @classmethod
    def of(cls, message: QueuedMessage, courier: Candidate, *, now: datetime) -> Match:
        """The flight that leaves now, and waits at the door until the timeframe opens."""
        return matches_of([message], [courier], now=now)[0]


def matches_of(messages: Sequence[QueuedMessage], couriers: Sequence[Candidate], *, now: datetime) -> list[Match]:
    """Give ``Match.of`` each message and its courier."""
    start = unit_vectors([courier.latitude for courier in couriers], [courier.longitude for courier in couriers])
    km = great_circle_km(start, destinations(messages))
    speed_kmh = np.array([courier.speed_kmh for courier in couriers])
    flights = durations(flight_hours(distance_km=km, speed_kmh=speed_kmh))
    rests = durations(rest_hours(distance_km=km, speed_kmh=speed_kmh))
    matches = []
    for message, courier, distance_km, flight, rest in zip(
        messages, couriers, km.tolist(), flights, rests, strict=True
    ):
        arrives_at = now + flight
        if message.deliver_min is not None:
            arrives_at = max(arrives_at, message.deliver_min)
        ready_at = arrives_at + min(rest, END_OF_CALENDAR - arrives_at)
        matches.append(Match(message, courier, distance_km, arrives_at, ready_at))
    return matches


def destinations(messages: Sequence[QueuedMessage]) -> Floats:
    """Give the points of the unit sphere that messages fly to."""
    return unit_vectors([message.latitude for message in messages], [message.longitude for message in messages])


class Levels:
    """Remembers how far around searches had to look in each part of the world, so that the next begins there.

    Only a hint: a wrong one costs time, never the nearest courier.
    """

    def __init__(self, first: int = FIRST_LEVEL) -> None:
        self._first = first
        self._known: dict[int, int] = {}

    def start(self, parts: Ints) -> Ints:
        return np.array([self._known.get(part, self._first) for part in parts.tolist()], dtype=np.int64)

    def learn(self, parts: Ints, levels: Ints, n_seen: Ints) -> None:
        """Begin where one was found, and nearer where many were seen.

        Never farther than COARSEST_START: a fleet that was all away may be back.
        """
        nearer = np.searchsorted(CROWDS, n_seen, side="right")
        starts = np.clip(levels + nearer, COARSEST_START, grid.FINEST_LEVEL)
        self._known.update(zip(parts.tolist(), starts.tolist(), strict=True))


class Choices:
    """Who has whom when messages choose in order, from lists that may come later.

    A message takes the first on its list whom no message before it has; whom it takes from a later one, that one goes
    on along its own list (D. Gale and L. Shapley, "College Admissions", 1962). In the end everybody has whom it would
    have chosen in its turn.
    """

    def __init__(self) -> None:
        # By courier the place of the message that has it.
        self.holders: dict[int, int] = {}
        self._lists: dict[int, Iterator[int]] = {}

    def choose(self, lists: Mapping[int, Iterable[int]]) -> list[int]:
        """Let messages choose from these lists, by place; return the places of all whose lists are exhausted now."""
        self._lists.update((place, iter(couriers)) for place, couriers in lists.items())
        choosing, exhausted = list(lists), []
        for place in choosing:
            for courier in self._lists[place]:
                holder = self.holders.get(courier, NOBODY)
                if place < holder:
                    self.holders[courier] = place
                    if holder != NOBODY:
                        choosing.append(holder)
                    break
            else:
                exhausted.append(place)
        return exhausted


class Matcher:
    """Matches one batch."""

    def __init__(self, *, now: datetime, levels: Levels | None = None) -> None:
        self.now = now
        self.levels = levels or Levels()
        self.pool = CourierPool(now=now)
        # Nobody free in the whole world can carry as much.
        self._too_heavy_g = math.inf

    def match(self, batch: Sequence[QueuedMessage]) -> list[Match]:
        """Give each message its courier where there is one, in the batch's order."""
        choices = Choices()
        wishes = {place: wants for place, message in enumerate(batch) if (wants := message.wants())}
        self.pool.fetch_by_id(courier for wants in wishes.values() for courier in wants)
        named = {place: self._by_name(batch[place], wants) for place, wants in wishes.items()}
        takes_anyone = np.array([message.takes_anyone(self.now) for message in batch])
        choices.choose({place: rows for place, rows in named.items() if not takes_anyone[place]})
        self._seek(batch, takes_anyone, named, choices)
        self.pool.taken.update(choices.holders)
        pairs = sorted((place, row) for row, place in choices.holders.items())
        couriers = self.pool.get([row for _, row in pairs])
        return matches_of([batch[place] for place, _ in pairs], couriers, now=self.now)

    def _seek(
        self,
        batch: Sequence[QueuedMessage],
        takes_anyone: NDArray[np.bool],
        named: Mapping[int, Sequence[int]],
        choices: Choices,
    ) -> None:
        """Let messages take whom they named, else the nearest: all look, then those without look farther, together."""
        seekers = self._seekers(batch)
        parts = cells(seekers.point) >> PART_SHIFT
        seekers.level[:] = self.levels.start(parts)
        n_seen = np.zeros(len(batch), dtype=np.int64)
        too_heavy_g = np.full(len(batch), self._too_heavy_g)
        looking = np.flatnonzero(takes_anyone)
        first = {place: rows for place, rows in named.items() if takes_anyone[place]}
        while len(looking):
            found, n_seen[looking] = self.pool.look(seekers.some(looking), choices.holders)
            lists: dict[int, Iterable[int]] = dict(zip(looking.tolist(), found, strict=True))
            lists.update((place, chain(rows, lists[place])) for place, rows in first.items())
            first = {}
            exhausted = np.array(choices.choose(lists), dtype=np.int64)
            looking = _farther(seekers, exhausted[takes_anyone[exhausted]], too_heavy_g)
        self._too_heavy_g = too_heavy_g.min()
        self.levels.learn(parts[takes_anyone], seekers.level[takes_anyone], n_seen[takes_anyone])

    def _seekers(self, batch: Sequence[QueuedMessage]) -> Seekers:
        return Seekers(
            place=np.arange(len(batch)),
            point=destinations(batch),
            weight_g=np.array([message.weight_g for message in batch]),
            most_hours=np.array([message.most_hours(self.now) for message in batch]),
            level=np.zeros(len(batch), dtype=np.int64),
        )

    def _by_name(self, message: QueuedMessage, wanted: Sequence[int]) -> list[int]:
        """The rows of the wanted couriers that are to be had and suit."""
        rows = [row for courier_id in wanted if (row := self.pool.row_of(courier_id)) is not None]
        suiting = zip(rows, self.pool.get(rows), strict=True)
        return [row for row, courier in suiting if self._suits(message, courier)]

    def _suits(self, message: QueuedMessage, courier: Candidate) -> bool:
        hours = flight_hours(distance_km=message.distance_km(courier), speed_kmh=courier.speed_kmh)
        return courier.payload_g >= message.weight_g and hours <= message.most_hours(self.now)


def _farther(seekers: Seekers, rows: Ints, too_heavy_g: Floats) -> Ints:
    """Send those of the seekers one level farther who may find somebody there; return their rows.

    Who looked round the whole Earth and had all the time in the world was too heavy for all that those before left.
    So is everybody after who is as heavy: ``too_heavy_g`` keeps it.
    """
    nowhere = rows[(seekers.level[rows] == 0) & np.isinf(seekers.most_hours[rows])]
    too_heavy_g[nowhere] = seekers.weight_g[nowhere]
    may = (seekers.level[rows] > 0) & (seekers.weight_g[rows] < np.minimum.accumulate(too_heavy_g)[rows])
    seekers.level[rows[may]] -= 1
    return rows[may]
