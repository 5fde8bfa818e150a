"""Teams and groups under many hands at once, each with its own connection."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import transaction

from ops_console.audit.services import verify
from ops_console.errors import AlreadyExists, NotFound
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind
from tests import factories, tenants
from tests.factories import COMMAND, NOW
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")
N = 8


@pytest.fixture(params=[TEAMS, GROUPS], ids=lambda kind: kind.resource)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def create(kind: Kind[Any], organization_id: Any, name: str = "Night shift") -> Any:
    return rosters.create_roster(
        kind=kind, name=name, description="", organization_id=organization_id, actor=COMMAND, now=NOW
    )


def change(kind: Kind[Any], roster: Any) -> dict[str, Any]:
    return {"kind": kind, "roster_id": roster.pk, "actor": COMMAND, "now": NOW}


def count_and_rows(roster: Any) -> tuple[int, int]:
    roster.refresh_from_db()
    return roster.member_count, roster.entries.count()


def test_one_of_many_who_want_a_name_gets_it(kind: Kind[Any]) -> None:
    organization = factories.organization()
    results = in_threads(N, lambda _: create(kind, organization.pk))
    assert sorted(type(result).__name__ for result in results) == ["AlreadyExists"] * (N - 1) + [kind.model.__name__]
    others = [create(kind, organization.pk, f"Shift {number}") for number in range(N)]
    results = in_threads(
        N, lambda number: rosters.update_roster(**change(kind, others[number]), name="Day shift", description=None)
    )
    assert sum(isinstance(result, AlreadyExists) for result in results) == N - 1


def test_the_count_is_the_rows_after_many_adds_and_removals(kind: Kind[Any]) -> None:
    organization = factories.organization()
    crowd = [member.pk for member in tenants.members(organization, 30)]
    roster = create(kind, organization.pk)

    def act(number: int) -> None:
        dice = random.Random(number)
        for _ in range(6):
            # In an order of its own, so that two who lock rows one by one would meet.
            some = dice.sample(crowd, 20)
            rosters.add_members(**change(kind, roster), user_ids=some)
            rosters.remove_members(**change(kind, roster), user_ids=dice.sample(crowd, 8))

    assert in_threads(N, act) == [None] * N
    count, rows = count_and_rows(roster)
    assert count == rows > 0
    assert verify() == []


def test_the_same_member_added_by_many_counts_once(kind: Kind[Any]) -> None:
    organization = factories.organization()
    member, roster = tenants.member(organization), create(kind, organization.pk)
    added = in_threads(N, lambda _: rosters.add_members(**change(kind, roster), user_ids=[member.pk]).member_count)
    assert added == [1] * N
    assert count_and_rows(roster) == (1, 1)
    removed = in_threads(N, lambda _: rosters.remove_members(**change(kind, roster), user_ids=[member.pk]).member_count)
    assert removed == [0] * N
    assert count_and_rows(roster) == (0, 0)


def test_those_who_join_meanwhile_are_counted() -> None:
    organization = factories.organization()
    default = organization.groups.get(is_default=True)
    known = [member.pk for member in tenants.members(organization, 10)]

    def act(number: int) -> None:
        for _ in range(4):
            if number % 2:
                rosters.add_members(**change(GROUPS, default), user_ids=known)
            else:
                with transaction.atomic():
                    tenants.member(organization)

    assert in_threads(N, act) == [None] * N
    assert count_and_rows(default) == (1 + 10 + 16, 1 + 10 + 16)


def test_adding_to_one_that_is_being_deleted(kind: Kind[Any]) -> None:
    organization = factories.organization()
    crowd = [member.pk for member in tenants.members(organization, 10)]
    for round_ in range(5):
        roster = create(kind, organization.pk, f"Shift {round_}")

        def act(number: int, roster: Any = roster) -> None:
            if number == N - 1:
                rosters.delete_roster(**change(kind, roster))
            else:
                rosters.add_members(**change(kind, roster), user_ids=crowd)

        results = in_threads(N, act)
        assert results[-1] is None
        assert {type(result) for result in results} <= {type(None), NotFound}
        assert not roster.entries.exists()
