"""Taking up touches: all of a batch, or none, by COPY."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.db import DatabaseError
from django.db.models import TextChoices
from numpy.typing import ArrayLike, NDArray

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


class EventType(TextChoices):
    """The wire's ``TouchEventType`` names without their prefix, in small letters."""

    TAP = "tap", "Taps"
    LONG_PRESS = "long_press", "Long presses"
    SCROLL = "scroll", "Scrolls"
    ACTION_CLICK = "action_click", "Clicks on actions"


# As they are kept: the wire's numbers.
NUMBERS = {kind: number for number, kind in enumerate(EventType, start=1)}

REFUSALS = "SELECT true FROM campaigns_consent WHERE member_id = %s AND touches IS FALSE"

# The day whose partition this process has seen to.
_ready: date | None = None

# What is said of a field that is at fault, by its name on the wire.
FAULTS = {
    "screen_name": f"Give a name of 1 to {NAME_LENGTH} characters, without NUL.",
    "x_pct": "This is a share of the screen, from 0 to 1.",
    "y_pct": "This is a share of the screen, from 0 to 1.",
    "event_type": f"This is one of {', '.join(EventType.values)}.",
    "screen_width": f"This is a whole number from 0 to {MOST_PIXELS}.",
    "screen_height": f"This is a whole number from 0 to {MOST_PIXELS}.",
}


class NoConsent(PreconditionFailed):
    """You have said that your touches, and pictures of what you touch, are not to be kept."""

    code = "no_consent"


class Touch(NamedTuple):
    """One touch, as an app tells of it: shares of the screen, and the device's own clock if it is known."""

    screen_name: str
    x: float
    y: float
    event_type: str
    screen_width: int = 0
    screen_height: int = 0
    client_at: datetime | None = None


@dataclass(frozen=True)
class Batch:
    """Touches by their columns. A kind is its number, 0 for none there is."""

    names: Sequence[str]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    kinds: NDArray[np.int16]
    widths: NDArray[np.int64]
    heights: NDArray[np.int64]
    client_at: Sequence[datetime | None]

    @classmethod
    def of(cls, touches: Sequence[Touch]) -> Batch:
        names, x, y, kinds, widths, heights, client_at = zip(*touches, strict=True) if touches else [()] * 7
        numbers = [NUMBERS.get(kind, 0) for kind in kinds]
        return cls(
            names,
            np.array(x, np.float64),
            np.array(y, np.float64),
            np.array(numbers, np.int16),
            np.array(widths, np.int64),
            np.array(heights, np.int64),
            client_at,
        )

    def faults(self) -> Mapping[str, NDArray[np.bool_]]:
        """Which are at fault, by the names of the fields on the wire."""
        wrong_names = {name for name in set(self.names) if not 0 < len(name) <= NAME_LENGTH or "\0" in name}
        return {
            "screen_name": np.array([name in wrong_names for name in self.names], bool),
            # Of what is no number neither is so.
            "x_pct": ~((self.x >= 0) & (self.x <= 1)),
            "y_pct": ~((self.y >= 0) & (self.y <= 1)),
            "event_type": self.kinds == 0,
            "screen_width": (self.widths < 0) | (self.widths > MOST_PIXELS),
            "screen_height": (self.heights < 0) | (self.heights > MOST_PIXELS),
        }

    def columns(self, ids: Mapping[str, int], member_id: UUID, now: datetime) -> Mapping[str, ArrayLike]:
        """As the table has them, but for the clocks of the devices."""
        return {
            "received_at": copying.microseconds(now),
            "screen_id": [ids[name] for name in self.names],
            "member_id": np.void(member_id.bytes),
            "x": self.x,
            "y": self.y,
            "screen_width": self.widths,
            "screen_height": self.heights,
            "cell": cells_of(self.x, self.y),
            "event_type": self.kinds,
        }


def ingest(*, touches: Sequence[Touch], actor: Actor, now: datetime) -> int:
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
    batch = Batch.of(touches)
    _refuse_faults(batch)
    refuse_unwanted(actor.member.pk)
    if touches:
        today = now.astimezone(UTC).date()
        _see_to(today)
        ids = _screens_of(batch, actor.member.organization_id, today)
        copying.copy(batch.columns(ids, actor.member.pk, now), batch.client_at)
    return len(touches)


def _screens_of(batch: Batch, organization_id: UUID, today: date) -> Mapping[str, int]:
    try:
        return screens.ids_of(organization_id, set(batch.names), today)
    except screens.NoRoom as full:
        over = [number for number, name in enumerate(batch.names) if name in full.names]
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


def _refuse_faults(batch: Batch) -> None:
    if len(batch.names) > MOST_EVENTS:
        raise InvalidInput([_fault(f"A batch has at most {MOST_EVENTS} events.", code="too_many")])
    is_wrong = np.column_stack(list(batch.faults().values()))
    if is_wrong.any():
        fields = list(FAULTS.items())
        raise InvalidInput(
            [_fault(fields[field][1], number, fields[field][0]) for number, field in np.argwhere(is_wrong).tolist()]
        )


def refuse_unwanted(member_id: UUID) -> None:
    """Let only those pass who have not said no. Raises: NoConsent."""
    if one_row(REFUSALS, [member_id]):
        raise NoConsent()


def _fault(message: str, *path: int | str, code: str = "invalid") -> FieldError:
    return FieldError(("events", *path), message, code)
