"""Taking up touches: all of a batch, or none, by COPY."""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import TextChoices
from psycopg.errors import CheckViolation

from campaigns.heatmaps import screens, storage
from campaigns.heatmaps.grid import cell_of
from campaigns.models.heatmaps import NAME_LENGTH
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import FieldError, Forbidden, InvalidInput, PreconditionFailed

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
COPY = f"""
COPY {storage.TOUCHES}
    (received_at, client_at, screen_id, member_id, x, y, screen_width, screen_height, cell, event_type)
FROM STDIN (FORMAT BINARY)
"""
# PostgreSQL's binary COPY: a head, rows of fields that each tell their length, and an end.
HEAD, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), struct.pack("!h", -1)
ROW = struct.Struct("!hiqiqiqi16sififiiiiiiih")
ROW_WITHOUT_CLIENT = struct.Struct("!hiqiiqi16sififiiiiiiih")
N_FIELDS, NULL = 10, -1
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

REFUSALS = "SELECT FROM campaigns_consent WHERE member_id = %s AND touches IS FALSE"

# The day whose partition this process has seen to.
_ready: date | None = None


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
    _refuse_faults(touches)
    refuse_unwanted(actor.member.pk)
    if touches:
        organization_id = actor.member.organization_id
        today = now.astimezone(UTC).date()
        _see_to(today)
        ids = _screens_of(touches, organization_id, today)
        _keep(b"".join((HEAD, *_rows(touches, ids, actor.member.pk, now), END)))
    return len(touches)


def _screens_of(touches: Sequence[Touch], organization_id: UUID, today: date) -> Mapping[str, int]:
    try:
        return screens.ids_of(organization_id, {touch.screen_name for touch in touches}, today)
    except screens.NoRoom as full:
        over = [number for number, touch in enumerate(touches) if touch.screen_name in full.names]
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


def _keep(rows: bytes) -> None:
    try:
        _copy(rows)
    except CheckViolation:
        # They were on their way into the default partition when the day got its own.
        _copy(rows)


def _copy(rows: bytes) -> None:
    savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
    with savepoint, connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(rows)


def _rows(touches: Sequence[Touch], ids: Any, member_id: UUID, now: datetime) -> Iterator[bytes]:
    received, member = _microseconds(now), member_id.bytes
    for name, x, y, kind, width, height, client_at in touches:
        rest = (8, ids[name], 16, member, 4, x, 4, y, 4, width, 4, height, 4, cell_of(x, y), 2, NUMBERS[kind])  # type: ignore[index]
        if client_at is None:
            yield ROW_WITHOUT_CLIENT.pack(N_FIELDS, 8, received, NULL, *rest)
        else:
            yield ROW.pack(N_FIELDS, 8, received, 8, _microseconds(client_at), *rest)


def _microseconds(at: datetime) -> int:
    return (at - POSTGRES_EPOCH) // MICROSECOND


def _refuse_faults(touches: Sequence[Touch]) -> None:
    if len(touches) > MOST_EVENTS:
        raise InvalidInput([_fault(f"A batch has at most {MOST_EVENTS} events.", code="too_many")])
    faults: list[FieldError] = []
    for number, touch in enumerate(touches):
        if not _is_sound(touch):
            faults += [_fault(message, number, field) for field, message in _faults(touch)]
    if faults:
        raise InvalidInput(faults)


def refuse_unwanted(member_id: UUID) -> None:
    """Let only those pass who have not said no. Raises: NoConsent."""
    with connection.cursor() as cursor:
        cursor.execute(REFUSALS, [member_id])
        if cursor.rowcount:
            raise NoConsent()


def _is_sound(touch: Touch) -> bool:
    name, x, y, kind, width, height, _ = touch
    return (
        0 < len(name) <= NAME_LENGTH
        and 0.0 <= x <= 1.0
        and 0.0 <= y <= 1.0
        and kind in NUMBERS
        and 0 <= width <= MOST_PIXELS
        and 0 <= height <= MOST_PIXELS
        and "\0" not in name
    )


def _faults(touch: Touch) -> Iterator[tuple[str, str]]:
    """The fields that are at fault, by their names on the wire."""
    if not 0 < len(touch.screen_name) <= NAME_LENGTH or "\0" in touch.screen_name:
        yield "screen_name", f"Give a name of 1 to {NAME_LENGTH} characters, without NUL."
    for field, share in (("x_pct", touch.x), ("y_pct", touch.y)):
        if not (math.isfinite(share) and 0.0 <= share <= 1.0):
            yield field, "This is a share of the screen, from 0 to 1."
    if touch.event_type not in NUMBERS:
        yield "event_type", f"This is one of {', '.join(EventType.values)}."
    for field, pixels in (("screen_width", touch.screen_width), ("screen_height", touch.screen_height)):
        if not 0 <= pixels <= MOST_PIXELS:
            yield field, f"This is a whole number from 0 to {MOST_PIXELS}."


def _fault(message: str, *path: int | str, code: str = "invalid") -> FieldError:
    return FieldError(("events", *path), message, code)
