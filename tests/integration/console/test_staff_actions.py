"""Who uses the console is set in the console."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from ops_console.organizations.models import Person
from tests import factories

from .conftest import action_of, confirm, page_of, told


@pytest.fixture
def chief(db: None, signed_in: Callable[[Person], Client]) -> Client:
    """May say who is staff, and what operations may."""
    person = factories.member_of_staff("Operations")
    person.user_permissions.add(Permission.objects.get(codename="manage_staff"))
    return signed_in(person)


@pytest.fixture
def newcomer(db: None) -> Person:
    return factories.outsider()


def test_somebody_becomes_staff_and_leaves(root: Client, newcomer: Person):
    url = action_of(newcomer, "staff")
    told(confirm(root, url, is_staff="on", groups=["Operations", "Auditor"], reason="New."))
    newcomer.refresh_from_db()
    assert newcomer.is_staff
    assert {group.name for group in newcomer.groups.all()} == {"Operations", "Auditor"}
    told(confirm(root, url, reason="Left."))
    newcomer.refresh_from_db()
    assert not newcomer.is_staff
    assert not newcomer.groups.exists()


def test_nobody_gives_what_he_may_not_do_himself(chief: Client, newcomer: Person):
    url = action_of(newcomer, "staff")
    assert "uses the console" in told(confirm(chief, url, is_staff="on", groups=["Operations"]))
    assert "The group Finance may do what you may not." in told(confirm(chief, url, is_staff="on", groups=["Finance"]))
    newcomer.refresh_from_db()
    assert [group.name for group in newcomer.groups.all()] == ["Operations"]


def test_an_unknown_group_is_a_fault_of_its_field(root: Client, newcomer: Person):
    answer = confirm(root, action_of(newcomer, "staff"), is_staff="on", groups=["Kings"])
    assert answer.context["form"].errors["groups"]


@pytest.mark.parametrize("who", ["operator", "financier", "viewer", "clerk"])
def test_others_make_nobody_staff(request: pytest.FixtureRequest, newcomer: Person, who: str):
    client: Client = request.getfixturevalue(who)
    forced = {"confirmed": "1", "once": "x", "is_staff": "on"}
    assert client.post(action_of(newcomer, "staff"), forced).status_code == 403
    newcomer.refresh_from_db()
    assert not newcomer.is_staff


def test_nobody_sees_or_sets_the_password_of_others(root: Client, newcomer: Person):
    html = root.get(page_of(newcomer)).content.decode()
    assert 'type="password"' not in html
    assert newcomer.password not in html
    assert root.get(f"{page_of(newcomer).removesuffix('change/')}password/").status_code in {302, 404}


def test_a_group_shows_what_it_may_and_who_is_in_it(root: Client, db: None):
    person = factories.member_of_staff("Finance")
    html = root.get(page_of(Group.objects.get(name="Finance"))).content.decode()
    assert "Can ask for refunds" in html
    assert person.email in html
