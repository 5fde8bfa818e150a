"""Taking up touches: all of a batch, or none, by COPY."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import numpy as np
from django.db import DatabaseError
from django.db.models import TextChoices
from numpy.typing import NDArray

from campaigns.heatmaps import copying, screens, storage
from campaigns.heatmaps.grid import cells_of
from campaigns.models.heatmaps import NAME_LENGTH
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import FieldError, Forbidden, InvalidInput, PreconditionFailed
from ops_console.readers import one_row

log = logging.getLogger(__name__)

MOST_EVENTS = 100
MOST_PIXELS = 2**31 - 1
# Of the years 1 to 9999, since 1970.
FIRST_SECOND = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
NANOS = 10**9


class EventType(TextChoices):
    """The wire's ``TouchEventType`` names without their prefix, in small letters."""

    TAP = "tap", "Taps"
    LONG_PRESS = "long_press", "Long presses"
    SCROLL = "scroll", "Scrolls"
    ACTION_CLICK = "action_click", "Clicks on actions"


# As they are kept: the wire's numbers.
NUMBERS = {kind: number for number, kind in enumerate(EventType, start=1)}

REFUSALS = "SELECT true FROM campaigns_consent WHERE member_id = %s AND touches IS FALSE"
# What is said of a field that is at fault, by its name on the wire.
FAULTS = {
    "screen_name": f"Give a name of 1 to {NAME_LENGTH} characters, without NUL.",
    "x_pct": "This is a share of the screen, from 0 to 1.",
    "y_pct": "This is a share of the screen, from 0 to 1.",
    "event_type": f"This is one of {', '.join(EventType.values)}.",
    "screen_width": f"This is a whole number from 0 to {MOST_PIXELS}.",
    "screen_height": f"This is a whole number from 0 to {MOST_PIXELS}.",
    "client_timestamp": "This is no instant between the years 1 and 9999.",
}

# The day whose partition this process has seen to.
_ready: date | None = None


class NoConsent(PreconditionFailed):
    """You have said that your touches, and pictures of what you touch, are not to be kept."""

    code = "no_consent"


@dataclass(frozen=True)
class Touches:
    """A batch of touches, column by column, as an app tells of them.

    ``places``: x and y, each a row, as shares of the screen. ``kinds``: numbers of ``EventType``, 0 for none of them.
    ``sizes``: width and height of the screens in pixels, 0 where unknown. ``clocks``: the devices' own clocks, in whole
    seconds since 1970 and nanoseconds beyond; ``has_clock`` where they are known.
    """

    names: Sequence[str]
    places: NDArray[np.float64]
    kinds: NDArray[np.int16]
    sizes: NDArray[np.int64]
    clocks: NDArray[np.int64]
    has_clock: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        *,
        names: Sequence[str],
        places: tuple[Sequence[float], Sequence[float]],
        kinds: Sequence[str],
        sizes: tuple[Sequence[int], Sequence[int]],
        clocks: Sequence[tuple[int, int] | None],
    ) -> Touches:
        return cls(
            names,
            np.array(places, np.float64),
            np.array([NUMBERS.get(kind, 0) for kind in kinds], np.int16),  # type: ignore[call-overload]
            np.array(sizes, np.int64),
            np.array([clock or (0, 0) for clock in clocks], np.int64).reshape(-1, 2).T,
            np.array([clock is not None for clock in clocks], bool),
        )

    def faults(self) -> NDArray[np.bool_]:
        """Which are at fault: a row for each of FAULTS."""
        wrong = np.empty((len(FAULTS), len(self.names)), bool)
        bad_names = {name for name in set(self.names) if not 0 < len(name) <= NAME_LENGTH or "\0" in name}
        wrong[0] = [name in bad_names for name in self.names] if bad_names else False
        # What is no number is neither above nor below.
        wrong[1:3] = ~((self.places >= 0) & (self.places <= 1))
        wrong[3] = self.kinds == 0
        wrong[4:6] = (self.sizes < 0) | (self.sizes > MOST_PIXELS)
        seconds, nanos = self.clocks
        wrong[6] = (seconds < FIRST_SECOND) | (seconds > LAST_SECOND) | (nanos < 0) | (nanos >= NANOS)
        return wrong


def ingest(*, touches: Touches, actor: Actor, now: datetime) -> int:
    """Keep the caller's touches, all or none; return how many. One query, one COPY, and one for screens new today.

    Raises:
        Forbidden: the actor is no person in an organization.
        NoConsent: he has said no. Nobody needs to have said yes: apps ask in their own way.
        InvalidInput: at ``events``, and the number and field of each that is at fault; names of screens past the
            most an organization has are so.
    """
    policy.require(actor, "touches", "ingest")
    if actor.member is None:
        raise Forbidden()
    _refuse_faults(touches)
    refuse_unwanted(actor.member.pk)
    if touches.names:
        today = now.astimezone(UTC).date()
        _see_to(today)
        ids = _screens_of(touches, actor.member.organization_id, today)
        copying.copy(_columns(touches, ids, actor.member.pk, now), nulls=~touches.has_clock)
    return len(touches.names)


def _screens_of(touches: Touches, organization_id: UUID, today: date) -> Mapping[str, int]:
    try:
        return screens.ids_of(organization_id, set(touches.names), today)
    except screens.NoRoom as full:
        over = [number for number, name in enumerate(touches.names) if name in full.names]
        faults = [_fault(full.message, number, "screen_name", code="too_many") for number in over]
        raise InvalidInput(faults) from full


def _see_to(today: date) -> None:
    """Let the day have its partition. Without it, touches wait in the default one."""
    global _ready
    if _ready == today:
        return
    try:
        storage.make_day(today)
    except DatabaseError as error:
        log.warning("No partition for the touches of %s: %s", today, error)
    # Even so: the task tries again, and every touch need not.
    _ready = today


def _columns(touches: Touches, ids: Mapping[str, int], member_id: UUID, now: datetime) -> copying.Columns:
    seconds, nanos = touches.clocks
    return {
        "received_at": copying.microseconds(now),
        "screen_id": [ids[name] for name in touches.names],
        "member_id": np.void(member_id.bytes),
        "x": touches.places[0],
        "y": touches.places[1],
        "screen_width": touches.sizes[0],
        "screen_height": touches.sizes[1],
        "cell": cells_of(touches.places),
        "event_type": touches.kinds,
        # The microsecond it lies in, never the one behind it.
        "client_at": (seconds - copying.EPOCH_S) * 10**6 + nanos // 1000,
    }


def _refuse_faults(touches: Touches) -> None:
    if len(touches.names) > MOST_EVENTS:
        raise InvalidInput([_fault(f"A batch has at most {MOST_EVENTS} events.", code="too_many")])
    wrong = touches.faults()
    if wrong.any():
        said = list(FAULTS.items())
        found = [(number, *said[field]) for number, field in np.argwhere(wrong.T).tolist()]
        raise InvalidInput([_fault(message, number, field) for number, field, message in found])


def refuse_unwanted(member_id: UUID) -> None:
    """Let only those pass who have not said no. Raises: NoConsent."""
    if one_row(REFUSALS, [member_id]):
        raise NoConsent()


def _fault(message: str, *path: int | str, code: str = "invalid") -> FieldError:
    return FieldError(("events", *path), message, code)
