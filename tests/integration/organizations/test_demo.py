from __future__ import annotations

from datetime import timedelta

import pytest

from ops_console.letters.models import Letter
from ops_console.organizations import demo
from ops_console.organizations.models import Group, Member, Role
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def test_the_demos_members_hold_every_role_and_stand_in_every_status() -> None:
    organization = factories.organization()
    n_members = demo.load_members(organization, domain="feathers.example", now=NOW)
    members = Member.objects.filter(organization=organization)
    assert members.count() == n_members + 1
    organization.refresh_from_db()
    group = Group.objects.get(organization=organization)
    assert organization.member_count == group.member_count == n_members + 1
    assert {member.status for member in members} == {"invited", "active", "deactivated"}
    roles = Role.objects.filter(organization=organization)
    assert {member.role_id for member in members} == {role.pk for role in roles}
    assert roles.count() == 6
    assert Letter.objects.filter(template="invitation").count() == 2


def test_loading_it_again_adds_what_is_missing_and_nothing_else() -> None:
    organization = factories.organization()
    demo.load_members(organization, domain="feathers.example", now=NOW)
    members = Member.objects.filter(organization=organization)
    before = set(members.values_list("pk", "status", "role"))
    missing = members.get(person__email="ada.columba@feathers.example").pk
    members.filter(pk=missing).delete()
    demo.load_members(organization, domain="feathers.example", now=NOW + timedelta(days=1))
    kept = {row for row in before if row[0] != missing}
    after = set(members.values_list("pk", "status", "role"))
    assert kept < after
    assert len(after) == len(before)
    assert Letter.objects.count() == 2
