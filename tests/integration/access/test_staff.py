from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission

from ops_console.access import staff
from ops_console.access.actors import Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidInput, NotFound
from ops_console.organizations.models import Person
from tests import factories
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db


def set_staff(person: Person, *groups: str, actor: Actor = COMMAND, is_staff: bool = True) -> Person:
    return staff.set_staff(person_id=person.id, is_staff=is_staff, groups=groups, actor=actor, now=NOW, reason="hired")


def manager(*groups: str) -> Actor:
    """A member of staff who may manage others, and what the groups may."""
    person = factories.member_of_staff(*groups)
    person.user_permissions.add(Permission.objects.get(codename="manage_staff"))
    return Actor.staff(person)


def test_it_opens_the_console_and_sets_exactly_these_groups() -> None:
    person = factories.member_of_staff("Auditor")
    set_staff(person, "Operations", "Finance")
    person.refresh_from_db()
    assert person.is_staff
    assert set(person.groups.values_list("name", flat=True)) == {"Operations", "Finance"}
    set_staff(person, is_staff=False)
    person.refresh_from_db()
    assert not person.is_staff
    assert not person.groups.exists()


def test_it_is_audited_on_the_platforms_chain() -> None:
    person = factories.member_of_staff("Auditor")
    set_staff(person, "Finance")
    entry = AuditEntry.objects.latest("position")
    assert (entry.chain_id, entry.action, entry.target_id) == ("platform", "person.set_staff", str(person.id))
    assert entry.before == {"is_staff": True, "groups": ["Auditor"]}
    assert entry.after == {"is_staff": True, "groups": ["Finance"]}
    assert entry.reason == "hired"


def test_nobody_gives_or_takes_what_he_does_not_hold() -> None:
    operations = manager("Operations")
    newcomer, financier = factories.outsider(), factories.member_of_staff("Finance")
    set_staff(newcomer, "Operations", "Auditor", actor=operations)
    with pytest.raises(Forbidden, match="Finance"):
        set_staff(newcomer, "Finance", actor=operations)
    with pytest.raises(Forbidden, match="Finance"):
        set_staff(financier, actor=operations)
    set_staff(financier, "Finance", "Auditor", actor=operations)


def test_nobody_changes_himself_or_a_superuser() -> None:
    operations = manager("Operations")
    assert operations.person
    for person in (operations.person, factories.superuser()):
        with pytest.raises(Forbidden):
            set_staff(person, "Operations", actor=operations)


def test_staff_who_do_not_manage_staff_may_not() -> None:
    with pytest.raises(Forbidden):
        set_staff(factories.outsider(), actor=Actor.staff(factories.member_of_staff("Operations")))


def test_unknown_groups_and_people_are_named() -> None:
    with pytest.raises(InvalidInput) as refusal:
        set_staff(factories.outsider(), "Pigeons", "Auditor", "Cats")
    assert [error.message for error in refusal.value.errors] == [
        "There is no group Cats.",
        "There is no group Pigeons.",
    ]
    with pytest.raises(NotFound):
        staff.set_staff(person_id=uuid4(), is_staff=True, groups=[], actor=COMMAND, now=NOW)
