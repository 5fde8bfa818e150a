from __future__ import annotations

import pytest

from ops_console.organizations import demo, demo_rosters
from ops_console.organizations.models import Group, Team
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
DOMAIN = "feathers.example"


def test_the_demos_teams_and_groups_are_filled_and_loading_again_changes_nothing() -> None:
    organization = factories.organization()
    demo.load_members(organization, domain=DOMAIN, now=NOW)
    n_rosters = demo_rosters.load_rosters(organization, domain=DOMAIN, now=NOW)
    counts = [
        (roster.name, roster.member_count, roster.entries.count())
        for model in (Team, Group)
        for roster in model.objects.filter(organization=organization, is_default=False).order_by("pk")
    ]
    assert len(counts) == n_rosters == 7
    assert all(count == rows > 1 for _, count, rows in counts), counts
    assert demo_rosters.load_rosters(organization, domain=DOMAIN, now=NOW) == n_rosters
    assert [count for _, count, _ in counts] == [
        roster.member_count
        for model in (Team, Group)
        for roster in model.objects.filter(organization=organization, is_default=False).order_by("pk")
    ]
