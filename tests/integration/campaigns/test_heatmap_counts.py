"""Heatmaps of touches at random beside the same computed by loops, before days are counted up and after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from pytest_django import Settings

from campaigns.heatmaps import queries, storage
from campaigns.heatmaps.queries import Asked, Mode
from ops_console.access.actors import Actor
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import factories, heatmaps, tenants
from tests.heatmaps import SCREEN, Happened, at_random, brute_force, take_up

pytestmark = pytest.mark.django_db
TODAY = datetime(2026, 3, 18, tzinfo=UTC)
NOW = TODAY + timedelta(hours=15)
# Old days and young ones, on both sides of midnight and of hours.
TIMES = [
    TODAY - timedelta(days=3, microseconds=1),
    TODAY - timedelta(days=3),
    TODAY - timedelta(days=3) + timedelta(hours=1),
    TODAY - timedelta(days=3) + timedelta(hours=1, minutes=59),
    TODAY - timedelta(days=1),
    TODAY + timedelta(hours=2),
]
GRIDS = (0.005, 0.02, 0.03, 0.1)


@pytest.fixture
def house() -> Organization:
    return factories.organization()


@pytest.fixture
def reader(house: Organization) -> Actor:
    return tenants.caller(house, Right.CAMPAIGNS_READ)


def values(actor: Actor, **asked: Any) -> dict[tuple[float, float], float]:
    found = queries.query(asked=Asked(**{"screen_name": SCREEN, **asked}), actor=actor, now=NOW)
    shown = {(round(point.x, 6), round(point.y, 6)): point.value for point in found.points}
    assert len(shown) == len(found.points)
    return shown


def assert_same(found: dict[Any, float], expected: dict[Any, float]) -> None:
    assert found.keys() == expected.keys()
    for place, value in expected.items():
        assert found[place] == pytest.approx(value, rel=1e-9), place


@pytest.mark.parametrize("seed", range(3))
def test_every_mode_is_what_loops_make_of_the_same_touches(
    seed: int, house: Organization, reader: Actor, settings: Settings
) -> None:
    chance = np.random.default_rng(seed)
    settings.HEATMAP_MIN_USERS = 3
    members = tenants.members(house, 9 + seed)
    happened = at_random(chance, members, TIMES, 400)
    # Somebody who does what nobody else does.
    happened += at_random(chance, members[:1], TIMES, 150)
    take_up(happened)
    take_up(at_random(chance, members, TIMES, 20, "Elsewhere"))
    for is_counted_up in (False, True):
        if is_counted_up:
            assert storage.tend(NOW) >= 2
            assert heatmaps.n_kept()[1] > 0
        for grid in GRIDS:
            check(reader, happened, grid, members[0].pk)


def check(reader: Actor, happened: list[Happened], grid: float, user: UUID) -> None:
    for mode in (Mode.TOTAL, Mode.MEDIAN):
        assert_same(values(reader, mode=mode, resolution=grid), brute_force(happened, grid, mode, min_users=3))
    narrowed: dict[str, tuple[dict[str, Any], Callable[[Happened], bool]]] = {
        "user_id": ({"user_id": user}, lambda each: each.member.pk == user),
        "kinds": ({"event_types": ["tap", "scroll"]}, lambda each: each.touch.event_type in ("tap", "scroll")),
        # From an hour that is counted up, to a moment of a day that is not.
        "range": (
            {"date_from": TIMES[2], "date_to": TIMES[5]},
            lambda each: TIMES[2] <= each.at < TIMES[5],
        ),
    }
    for asked, keeps in narrowed.values():
        few = [each for each in happened if keeps(each)]
        assert_same(values(reader, resolution=grid, **asked), brute_force(few, grid, "total", min_users=3))
    found = values(reader, mode=Mode.USER_SPECIFIC, user_id=user, resolution=grid)
    assert_same(found, brute_force(happened, grid, "user_specific", user=user))
    assert found


def test_who_touched_how_often_is_told_the_busiest_first(house: Organization, reader: Actor) -> None:
    members = tenants.members(house, 3)
    happened = at_random(np.random.default_rng(7), members, TIMES, 60)
    take_up(happened)
    counts = {each.pk: sum(one.member == each for one in happened) for each in members}
    for mode in (Mode.TOTAL, Mode.MEDIAN):
        found = queries.query(asked=Asked(SCREEN, mode=mode), actor=reader, now=NOW)
        assert {each.user_id: each.n for each in found.user_counts} == counts
        assert [each.n for each in found.user_counts] == sorted(counts.values(), reverse=True)
        # Too few people touched any cell: who touched at all is told all the same.
        assert found.points == []
        emails = {each.email for each in queries.with_emails(found.user_counts)}
        assert emails == {each.person.email for each in members}
