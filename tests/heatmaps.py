"""Touches for tests: made at random, taken up, and counted again by the plainest loops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from uuid import UUID

import numpy as np
from django.db import connection
from PIL import Image

from campaigns.heatmaps import screenshots, touches
from campaigns.heatmaps.counts import ENTRY
from campaigns.heatmaps.touches import EventType, Touches
from campaigns.models import Screenshot
from ops_console.organizations.models import Member
from tests import tenants
from tests.factories import NOW

SCREEN = "Home"


@dataclass(frozen=True)
class Touch:
    screen_name: str
    x: float
    y: float
    event_type: EventType


@dataclass(frozen=True)
class Happened:
    """A touch with who made it and when it arrived."""

    member: Member
    at: datetime
    touch: Touch


def at_random(
    chance: np.random.Generator, members: Sequence[Member], times: Sequence[datetime], n: int, screen: str = SCREEN
) -> list[Happened]:
    """Touches in few places, so that cells are touched often; in float32, as they travel."""
    places = np.round(chance.random((max(n // 6, 1), 2)), 3).astype(np.float32)
    kinds = list(EventType)
    made = []
    for _ in range(n):
        x, y = places[chance.integers(len(places))]
        who, when, kind = (int(chance.integers(size)) for size in (len(members), len(times), len(kinds)))
        made.append(Happened(members[who], times[when], Touch(screen, float(x), float(y), kinds[kind])))
    return made


def take_up(happened: Iterable[Happened]) -> None:
    """Ingest them, each batch of one member and time."""
    batches: dict[tuple[UUID, datetime], list[Happened]] = defaultdict(list)
    for each in happened:
        batches[each.member.pk, each.at].append(each)
    for batch in batches.values():
        actor = tenants.signed_in(batch[0].member)
        for start in range(0, len(batch), touches.MOST_EVENTS):
            part = [each.touch for each in batch[start : start + touches.MOST_EVENTS]]
            assert touches.ingest(touches=columns(part), actor=actor, now=batch[0].at) == len(part)


def columns(told: Sequence[Touch]) -> Touches:
    return Touches.of(
        names=[each.screen_name for each in told],
        places=([each.x for each in told], [each.y for each in told]),
        kinds=[each.event_type for each in told],
        sizes=([0] * len(told), [0] * len(told)),
        clocks=[None] * len(told),
    )


def touch(who: Member, *places: tuple[float, float], screen: str = SCREEN, now: datetime = NOW) -> None:
    """Tap there."""
    take_up(Happened(who, now, Touch(screen, x, y, EventType.TAP)) for x, y in places)


def brute_force(
    happened: Iterable[Happened], grid: float, mode: str, *, user: UUID | None = None, min_users: int = 1
) -> dict[tuple[float, float], float]:
    """Values by the centres of cells, by a matrix of users and cells with every zero in it."""
    users = sorted({each.member.pk for each in happened})
    # Ends of cells, as far as they lie on the screen.
    ends = np.minimum(np.arange(1, 201) * grid, 1.0)
    side = int(np.argmax(ends >= 1.0 - 1e-9)) + 1
    matrix = np.zeros((len(users), side, side))
    for each in happened:
        column, row = (min(int((share + 1e-7) / grid), side - 1) for share in (each.touch.x, each.touch.y))
        matrix[users.index(each.member.pk), row, column] += 1
    values = {}
    for row, column in np.argwhere(matrix.sum(axis=0) > 0):
        counts = matrix[:, row, column]
        x, y = (round((i * grid + min((i + 1) * grid, 1.0)) / 2, 6) for i in (column, row))
        if mode == "user_specific":
            own = counts[users.index(user)] if user in users else 0.0
            sigma = np.std(counts)
            if sigma > 0 and abs(own - np.median(counts)) / sigma > 2:
                values[x, y] = (own - np.median(counts)) / sigma
        elif np.count_nonzero(counts) >= min_users:
            values[x, y] = counts.sum() if mode == "total" else float(np.median(counts))
    return values


def n_kept() -> tuple[int, int]:
    """Touches kept one by one, and those counted up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM campaigns_touch")
        [raw] = cursor.fetchone()
        cursor.execute("SELECT entries FROM campaigns_touchday")
        counted = sum(int(np.frombuffer(entries, ENTRY)["n"].sum()) for (entries,) in cursor.fetchall())
    return raw, counted


def picture(who: Member, *, screen: str = SCREEN, version: str = "1.0", colour: str = "white") -> Screenshot:
    """Upload one."""
    return screenshots.upload(
        screen_name=screen, app_version=version, image=png(colour=colour), actor=tenants.signed_in(who), now=NOW
    )


def png(width: int = 40, height: int = 80, colour: str = "white") -> bytes:
    written = BytesIO()
    Image.new("RGB", (width, height), colour).save(written, "PNG")
    return written.getvalue()
