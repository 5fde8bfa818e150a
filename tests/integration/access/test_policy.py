from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries

from ops_console.access import policy
from ops_console.access.actors import SYSTEM, Actor
from ops_console.access.policy import POLICY
from ops_console.errors import Forbidden
from ops_console.organizations.models import Person
from tests import factories

pytestmark = pytest.mark.django_db

PAIRS = sorted(POLICY)
# What each shipped group may do beyond reading.
ACTS = {
    "Operations": {
        ("messages", "dispatch"),
        ("messages", "hold"),
        ("messages", "release"),
        ("messages", "reassign"),
        ("messages", "lost"),
        ("messages", "deliver"),
        ("couriers", "update"),
        ("accounts", "create"),
        ("credentials", "create"),
        ("credentials", "revoke"),
        ("recipients", "create"),
        ("recipients", "update"),
        ("recipients", "delete"),
        ("refunds", "request"),
        ("webhooks", "replay"),
    },
    "Finance": {
        ("accounts", "set_limit"),
        ("accounts", "adjust"),
        ("accounts", "pay"),
        ("refunds", "request"),
        ("refunds", "approve"),
        ("refunds", "reject"),
    },
    "Auditor": set(),
}
READS = {pair for pair in PAIRS if pair[1] in {"list", "retrieve"}}
FINANCE_READS = {
    (resource, action)
    for resource, action in READS
    if resource in {"messages", "accounts", "entries", "refunds", "recipients", "organizations", "people"}
}


def allowed(actor: Actor) -> set[tuple[str, str]]:
    return {pair for pair in PAIRS if policy.may(actor, *pair)}


def fresh(person: Person) -> Person:
    """The person without the permissions Django has cached on it."""
    return Person.objects.get(pk=person.pk)


def test_a_superuser_a_command_and_the_system_may_do_everything() -> None:
    for actor in (Actor.staff(factories.superuser()), Actor.command("refund"), SYSTEM):
        assert allowed(actor) == set(PAIRS)


@pytest.mark.parametrize("group", ACTS)
def test_a_member_of_a_shipped_group_may_read_and_do_what_the_group_is_for(group: str) -> None:
    reads = FINANCE_READS if group == "Finance" else READS
    assert allowed(Actor.staff(factories.member_of_staff(group))) == reads | ACTS[group]


def test_staff_without_a_group_outsiders_and_accounts_may_do_nothing() -> None:
    client = factories.acting_for(factories.account())
    for actor in (Actor.staff(factories.member_of_staff()), Actor.staff(factories.outsider()), client):
        assert allowed(actor) == set()


@pytest.mark.parametrize("pair", PAIRS)
def test_the_permission_a_rule_names_exists_and_opens_it_to_staff_only(pair: tuple[str, str]) -> None:
    person = factories.member_of_staff()
    app, codename = POLICY[pair].staff.split(".")
    person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    policy.require(Actor.staff(fresh(person)), *pair)
    for switched_off in ("is_staff", "is_active"):
        closed = fresh(person)
        setattr(closed, switched_off, False)
        with pytest.raises(Forbidden):
            policy.require(Actor.staff(closed), *pair)


def test_a_pair_the_table_does_not_hold_is_allowed_to_nobody() -> None:
    for actor in (Actor.staff(factories.superuser()), Actor.command("x"), SYSTEM):
        with pytest.raises(Forbidden):
            policy.require(actor, "messages", "burn")


def test_an_organizations_rights_open_reads_recipients_and_webhooks_and_no_money() -> None:
    by_right = {pair: rule.right for pair, rule in POLICY.items() if rule.right}
    writes = {pair for pair, right in by_right.items() if right == "ORG_WRITE"}
    assert writes == {
        ("recipients", "create"),
        ("recipients", "update"),
        ("recipients", "delete"),
        ("webhook-secret", "rotate"),
        ("webhooks", "replay"),
    }
    assert {action for pair, right in by_right.items() if right == "ORG_READ" for action in pair[1:]} == {
        "list",
        "retrieve",
    }
    assert not {"audit", "people"} & {resource for resource, _ in by_right}


def test_asking_again_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    actor = Actor.staff(fresh(factories.member_of_staff("Operations")))
    policy.may(actor, "messages", "hold")
    with django_assert_num_queries(0):
        assert allowed(actor)


def test_the_shipped_groups_get_back_what_they_miss_and_keep_what_was_added() -> None:
    group = Group.objects.get(name="Auditor")
    extra = Permission.objects.get(codename="hold_message")
    before = set(group.permissions.all())
    group.permissions.set([extra])
    Group.objects.get(name="Finance").delete()
    call_command("migrate", verbosity=0)
    assert set(group.permissions.all()) == before | {extra}
    assert Group.objects.get(name="Finance").permissions.filter(codename="approve_refund").exists()
