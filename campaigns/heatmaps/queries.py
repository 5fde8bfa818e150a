"""Heatmaps: where a screen was touched, by everybody or by one user beside the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import TextChoices

from campaigns.heatmaps import privacy, storage
from campaigns.heatmaps.counts import ALL_HOURS, Chunk, Counts, Floats, Ints, count, per_cell
from campaigns.heatmaps.grid import COARSEST, FINEST, SIDE, Grid
from campaigns.heatmaps.screens import CAMPAIGN_PREFIX, CAMPAIGN_SCREEN
from campaigns.heatmaps.touches import NUMBERS, EventType
from campaigns.models import Campaign, Screen, Screenshot
from campaigns.models.heatmaps import NAME_LENGTH
from campaigns.owners import owner_of
from campaigns.periods import period
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput
from ops_console.organizations.models import Member, Organization

# In standard deviations: nearer to the median than this, a user is like the others.
NOTICEABLE = 2.0
MIDNIGHT = time(tzinfo=UTC)

# In the form of ENTRY: touches one by one, then what was counted up, by user. Days that the range cuts stay apart, for
# not all of their hours are meant.
# The touches come first: whoever counts up a day holds up those who come to its touches, so that they see the counts as
# well (storage.roll_up).
READ = f"""
SELECT member_id, NULL AS day,
    string_agg(int8send((event_type::bigint << 48) | (cell::bigint << 32) | 1), ''::bytea) FROM {storage.TOUCHES}
WHERE screen_id = %(screen)s AND received_at >= %(start)s AND received_at < %(end)s
    AND (%(user)s::uuid IS NULL OR member_id = %(user)s)
GROUP BY member_id
UNION ALL
SELECT member_id, CASE WHEN day = ANY(%(cut)s::date[]) THEN day END AS cut, string_agg(entries, ''::bytea)
FROM {storage.DAYS}
WHERE screen_id = %(screen)s AND day >= %(first_day)s AND day <= %(last_day)s
    AND (%(user)s::uuid IS NULL OR member_id = %(user)s)
GROUP BY member_id, cut
ORDER BY member_id
"""  # noqa: S608 - names of ours


class Mode(TextChoices):
    """The wire's ``HeatmapMode`` names without their prefix, in small letters."""

    TOTAL = "total", "All touches"
    MEDIAN = "median", "Median over users"
    USER_SPECIFIC = "user_specific", "One user beside the others"


@dataclass(frozen=True)
class Asked:
    """What is asked for. What is left out: all campaigns, users and kinds, and the last 30 days."""

    screen_name: str = ""
    date_from: datetime | None = None
    date_to: datetime | None = None
    campaign_id: UUID | None = None
    user_id: UUID | None = None
    # A share of the screen, rounded to the nearest multiple of 0.005; 0.02 for 0.
    resolution: float = 0.0
    mode: str = Mode.TOTAL
    event_types: Collection[str] = ()


@dataclass(frozen=True)
class Point:
    """The centre of a cell, and what the mode makes of its touches."""

    x: float
    y: float
    value: float


@dataclass(frozen=True)
class UserCount:
    user_id: UUID
    n: int
    email: str = ""


@dataclass(frozen=True)
class Heatmap:
    """``user_counts``: in TOTAL and MEDIAN, the most touches first. ``screenshot``: the screen's newest, if any."""

    points: list[Point]
    grid: Grid
    date_from: datetime
    date_to: datetime
    min_users: int
    user_counts: list[UserCount] = field(default_factory=list)
    screenshot: Screenshot | None = None


def query(*, asked: Asked, actor: Actor, now: datetime, organization_id: UUID | None = None) -> Heatmap:
    """Count the touches of one screen; staff name the organization. A query that names a user is put on record.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at the field at fault, by its name on the wire.
        NotFound: the actor's organization is not the one that is named.
    """
    policy.require(actor, "heatmaps", "retrieve")
    owner = owner_of(actor, organization_id)
    start, end = period(asked.date_from, asked.date_to, now)
    _refuse_faults(asked, owner)
    if asked.user_id is not None:
        _record(asked, owner, actor, start, end, now)
    grid, min_users = Grid.of(asked.resolution), min_users_of(owner.pk)
    screen = Screen.objects.filter(organization=owner, name=_screen_name(asked)).first()
    if screen is None:
        return Heatmap([], grid, start, end, min_users)
    # One user beside the others takes them all.
    only = None if asked.mode == Mode.USER_SPECIFIC else asked.user_id
    kinds = [NUMBERS[EventType(kind)] for kind in asked.event_types]
    counts = count(_chunks(screen.pk, start, end, only), grid, kinds)
    cells, values = _values(asked, counts, grid, min_users)
    return Heatmap(
        points=_points(cells, values, grid),
        grid=grid,
        date_from=start,
        date_to=end,
        min_users=min_users,
        user_counts=[] if asked.mode == Mode.USER_SPECIFIC else _user_counts(counts),
        screenshot=Screenshot.objects.newest_of(screen.pk),
    )


def min_users_of(organization_id: UUID) -> int:
    """The fewest people a cell is shown for: as the organization says, else as the installation does. One query."""
    own = privacy.of_organization(organization_id).min_users
    return int(settings.HEATMAP_MIN_USERS) if own is None else own


def with_emails(counts: Sequence[UserCount]) -> list[UserCount]:
    """The same counts with the addresses of the users. One query."""
    found = dict(Member.objects.filter(pk__in=[each.user_id for each in counts]).values_list("pk", "person__email"))
    return [UserCount(each.user_id, each.n, found.get(each.user_id, "")) for each in counts]


def _refuse_faults(asked: Asked, owner: Organization) -> None:
    faults = [*_faults(asked), *_unknown(asked, owner)]
    if faults:
        raise InvalidInput(faults)


def _faults(asked: Asked) -> Iterator[FieldError]:
    if not asked.screen_name and asked.campaign_id is None:
        yield FieldError(("screen_name",), "Name a screen, or a campaign.", "required")
    if len(asked.screen_name) > NAME_LENGTH or "\0" in asked.screen_name:
        yield FieldError(("screen_name",), f"A name has at most {NAME_LENGTH} characters, none of them NUL.")
    # As it travels, in 32 bits.
    if asked.resolution and not np.float32(FINEST / SIDE) <= np.float32(asked.resolution) <= np.float32(
        COARSEST / SIDE
    ):
        yield FieldError(("grid_resolution",), "This is from 0.005 to 0.1.")
    if asked.mode not in Mode.values:
        yield FieldError(("mode",), f"This is one of {', '.join(Mode.values)}.", "invalid_choice")
    for number, kind in enumerate(asked.event_types):
        if kind not in NUMBERS:
            one_of = f"This is one of {', '.join(EventType.values)}."
            yield FieldError(("event_types", number), one_of, "invalid_choice")


def _unknown(asked: Asked, owner: Organization) -> Iterator[FieldError]:
    if asked.mode == Mode.USER_SPECIFIC and asked.user_id is None:
        yield FieldError(("user_id",), "Name the user.", "required")
    elif asked.user_id and not Member.objects.filter(pk=asked.user_id, organization=owner).exists():
        yield FieldError(("user_id",), "There is no such member.", "unknown")
    if asked.campaign_id and not Campaign.objects.filter(pk=asked.campaign_id, organization=owner).exists():
        yield FieldError(("campaign_id",), "There is no such campaign.", "unknown")


def _screen_name(asked: Asked) -> str | None:
    """The one screen whose touches are meant; None where the campaign's is another than the one that is named."""
    if asked.campaign_id is None:
        return asked.screen_name
    of_campaign = f"{CAMPAIGN_PREFIX}{asked.campaign_id}"
    return of_campaign if asked.screen_name in ("", CAMPAIGN_SCREEN, of_campaign) else None


def _record(asked: Asked, owner: Organization, actor: Actor, start: datetime, end: datetime, now: datetime) -> None:
    """Before anything is shown, and for good."""
    shown = {"screen": _screen_name(asked) or asked.screen_name, "mode": asked.mode, "from": start, "to": end}
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="heatmap.query_user",
            target_type="member",
            target_id=str(asked.user_id),
            organization_id=owner.pk,
            after={name: value.isoformat() if isinstance(value, datetime) else value for name, value in shown.items()},
            at=now,
        )


def _chunks(screen_id: int, start: datetime, end: datetime, user_id: UUID | None) -> Iterator[Chunk]:
    """The entries of each user: touches between the two instants, and counts of hours that begin there."""
    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
    hours = {day: _hours(day, start, end) for day in (first, last)}
    cut = [day for day, narrowed in hours.items() if narrowed != ALL_HOURS]
    values: dict[str, Any] = {"screen": screen_id, "start": start, "end": end, "user": user_id}
    values |= {"first_day": first, "last_day": last, "cut": cut}
    with connection.cursor() as cursor:
        # Not prepared: which partitions are read is seen from the values.
        cursor.execute(READ, values)
        for member_id, day, entries in cursor.fetchall():
            yield Chunk(member_id, entries, ALL_HOURS if day is None else hours[day])


def _hours(day: date, start: datetime, end: datetime) -> tuple[int, int]:
    """The hours of a day that begin in the range: from the first to before the second."""
    midnight = datetime.combine(day, MIDNIGHT)
    first, last = (max(0, min(24, -(-(at - midnight) // timedelta(hours=1)))) for at in (start, end))
    return first, last


def _values(asked: Asked, counts: Counts, grid: Grid, min_users: int) -> tuple[Ints, Floats]:
    cells = per_cell(counts)
    if asked.mode == Mode.USER_SPECIFIC:
        assert asked.user_id is not None
        own = counts.of_user(asked.user_id, grid.side**2)[cells.cell]
        varies = cells.sigma > 0
        off = (own[varies] - cells.median[varies]) / cells.sigma[varies]
        stands_out = np.abs(off) > NOTICEABLE
        return cells.cell[varies][stands_out], off[stands_out]
    enough = cells.n_users >= min_users
    values = cells.total.astype(np.float64) if asked.mode == Mode.TOTAL else cells.median
    return cells.cell[enough], values[enough]


def _points(cells: Ints, values: Floats, grid: Grid) -> list[Point]:
    """By rows, from the top."""
    x, y = grid.centres(cells)
    return [Point(*each) for each in zip(x.tolist(), y.tolist(), values.tolist(), strict=True)]


def _user_counts(counts: Counts) -> list[UserCount]:
    """Those with the most touches first."""
    found = zip(counts.per_user.tolist(), counts.users, strict=True)
    return [UserCount(user, n) for n, user in sorted(found, key=lambda each: (-each[0], each[1]))]
