"""Who may do what: the table walked for every kind of caller, each against what is written out here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries

from ops_console.access import policy
from ops_console.access.actors import SYSTEM, Actor
from ops_console.access.policy import POLICY
from ops_console.errors import Forbidden
from ops_console.organizations.models import Person
from ops_console.organizations.rights import Right
from ops_console.rpc.methods import METHODS
from tests import factories, tenants

pytestmark = pytest.mark.django_db
Pair = tuple[str, str]

PAIRS = sorted(POLICY)
FOR_STAFF = [pair for pair in PAIRS if POLICY[pair].staff]
ANYBODY = {("sso-providers", "check")}
# What Operations does for customers who ask; members may do it themselves.
FOR_CUSTOMERS = {
    *((name, change) for name in ("teams", "groups") for change in ("create", "update", "delete")),
    *(("sso-providers", change) for change in ("create", "update", "prove", "read_again", "delete")),
}
OF_CAMPAIGNS: set[Pair] = {
    *(("campaigns", action) for action in ("create", "update", "start", "cancel", "schedule", "approve")),
    *(("campaigns", action) for action in ("pause", "resume", "retry", "remind")),
}
# --- What each shipped group may do beyond reading ----------------------------------------------------------------
ACTS: dict[str, set[Pair]] = {
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
        ("members", "invite"),
        ("api-keys", "revoke"),
        ("people", "end_sessions"),
        *FOR_CUSTOMERS,
        *OF_CAMPAIGNS,
    },
    "Finance": {
        ("accounts", "set_limit"),
        ("accounts", "set_default"),
        ("accounts", "adjust"),
        ("accounts", "pay"),
        ("refunds", "request"),
        ("refunds", "approve"),
        ("refunds", "reject"),
    },
    "Auditor": set(),
}
READS = {pair for pair in FOR_STAFF if pair[1] in {"list", "retrieve", "memberships"}}
OF_FINANCE = {"messages", "accounts", "entries", "refunds", "recipients", "organizations", "people", "members"}
FINANCE_READS = {pair for pair in READS if pair[0] in OF_FINANCE | {"roles", "teams", "groups"}}

# --- What members and keys may do --------------------------------------------------------------------------------

# Without any right; what they reach is their own.
ANY_MEMBER = ANYBODY | {
    ("members", "retrieve"),
    ("members", "update_profile"),
    ("groups", "list"),
    ("groups", "retrieve"),
    ("teams", "list"),
    ("teams", "retrieve"),
}
IN_PERSON: set[Pair] = {
    ("passkeys", "own"),
    ("settings", "retrieve"),
    ("settings", "update"),
    ("devices", "own"),
    ("touches", "ingest"),
    ("screenshots", "upload"),
    ("recordings", "record"),
    ("consents", "own"),
}
READING = ("list", "retrieve")
ROSTER_CHANGES = ("create", "update", "delete")
BY_RIGHT: dict[Right, set[Pair]] = {
    Right.ORG_READ: {
        *((name, action) for name in ("messages", "couriers", "accounts") for action in ("list", "retrieve")),
        *((name, action) for name in ("entries", "refunds", "recipients") for action in ("list", "retrieve")),
        *((name, action) for name in ("organizations", "webhooks", "roles") for action in ("list", "retrieve")),
        *((name, action) for name in ("api-keys", "sso-providers", "push-credentials") for action in READING),
        ("credentials", "list"),
        ("webhook-secret", "retrieve"),
        ("heatmap-settings", "retrieve"),
        ("replay-settings", "retrieve"),
    },
    Right.ORG_WRITE: {
        ("accounts", "set_default"),
        ("organizations", "update"),
        ("recipients", "create"),
        ("recipients", "update"),
        ("recipients", "delete"),
        ("webhook-secret", "rotate"),
        ("webhooks", "replay"),
        ("api-keys", "create"),
        ("api-keys", "revoke"),
        ("sso-providers", "create"),
        ("sso-providers", "delete"),
        ("sso-providers", "prove"),
        ("sso-providers", "read_again"),
        ("sso-providers", "update"),
        ("push-credentials", "create"),
        ("push-credentials", "delete"),
        ("heatmap-settings", "update"),
        ("replay-settings", "update"),
    },
    Right.MEMBERS_READ: {("members", "list"), ("devices", "list"), ("devices", "retrieve")},
    Right.MEMBERS_INVITE: {("members", "invite")},
    Right.MEMBERS_MANAGE: {
        ("members", "set_role"),
        ("members", "deactivate"),
        ("roles", "create"),
        ("roles", "update"),
        ("roles", "delete"),
    },
    Right.CAMPAIGNS_READ: {
        ("campaigns", "list"),
        ("campaigns", "retrieve"),
        ("deliveries", "list"),
        ("deliveries", "retrieve"),
        ("screens", "list"),
        ("screenshots", "list"),
        ("heatmaps", "retrieve"),
        ("recordings", "list"),
        ("recordings", "retrieve"),
    },
    Right.CAMPAIGNS_WRITE: {("campaigns", "create"), ("campaigns", "update"), ("recordings", "delete")},
    Right.CAMPAIGNS_START: OF_CAMPAIGNS - {("campaigns", "create"), ("campaigns", "update")},
    Right.TEMPLATES_READ: {("templates", "list"), ("templates", "retrieve")},
    Right.TEMPLATES_WRITE: {("templates", "create"), ("templates", "update")},
    Right.WORKFLOWS_READ: set(),
    Right.WORKFLOWS_WRITE: set(),
    Right.INBOX_READ: {("inbox", "read")},
    Right.INBOX_ACT: {("inbox", "act")},
    Right.GROUPS_ALL_READ: {("groups", "memberships")},
    Right.GROUPS_ALL_WRITE: {("groups", "memberships"), *(("groups", change) for change in ROSTER_CHANGES)},
    Right.GROUPS_WRITE: {("groups", change) for change in ROSTER_CHANGES},
    Right.TEAMS_ALL_READ: set(),
    Right.TEAMS_ALL_WRITE: {("teams", change) for change in ROSTER_CHANGES},
    Right.TEAMS_WRITE: {("teams", change) for change in ROSTER_CHANGES},
}
# The inbox is a person's, whatever the right, and a second person is one.
NO_KEY = IN_PERSON | {("inbox", "read"), ("inbox", "act"), ("campaigns", "approve")}


def allowed(actor: Actor) -> set[Pair]:
    return {pair for pair in PAIRS if policy.may(actor, *pair)}


def fresh(person: Person) -> Person:
    """The person without the permissions Django has cached on it."""
    return Person.objects.get(pk=person.pk)


# --- Staff ---------------------------------------------------------------------------------------------------------


def test_commands_and_the_system_may_do_everything_and_a_superuser_all_that_is_for_staff() -> None:
    for actor in (Actor.command("refund"), SYSTEM):
        assert allowed(actor) == set(PAIRS)
    assert allowed(Actor.staff(factories.superuser())) == set(FOR_STAFF)


@pytest.mark.parametrize("group", ACTS)
def test_a_member_of_a_shipped_group_may_read_and_do_what_the_group_is_for(group: str) -> None:
    reads = FINANCE_READS if group == "Finance" else READS
    assert allowed(Actor.staff(factories.member_of_staff(group))) == reads | ACTS[group]


def test_staff_without_a_group_outsiders_and_accounts_may_do_nothing() -> None:
    client = factories.acting_for(factories.account())
    for actor in (Actor.staff(factories.member_of_staff()), Actor.staff(factories.outsider()), client):
        assert allowed(actor) == set()


@pytest.mark.parametrize("pair", FOR_STAFF, ids="-".join)
def test_the_permission_a_rule_names_exists_and_opens_it_to_staff_only(pair: Pair) -> None:
    person = factories.member_of_staff()
    app, _, codename = str(POLICY[pair].staff).partition(".")
    person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    policy.require(Actor.staff(fresh(person)), *pair)
    for switched_off in ("is_staff", "is_active"):
        closed = fresh(person)
        setattr(closed, switched_off, False)
        with pytest.raises(Forbidden):
            policy.require(Actor.staff(closed), *pair)


# --- Members, keys and others --------------------------------------------------------------------------------------


def test_a_member_without_rights_reaches_what_is_his_own_and_his_key_less() -> None:
    member = tenants.member(factories.organization())
    assert allowed(tenants.signed_in(member)) == ANY_MEMBER | IN_PERSON
    assert allowed(tenants.key_of(member)) == ANY_MEMBER


@pytest.mark.parametrize("right", Right)
def test_what_each_right_opens(right: Right) -> None:
    member = tenants.member(factories.organization(), right)
    assert allowed(tenants.signed_in(member)) == ANY_MEMBER | IN_PERSON | BY_RIGHT[right]
    assert allowed(tenants.key_of(member, right)) == (ANY_MEMBER | BY_RIGHT[right]) - NO_KEY


def test_a_key_has_no_right_its_creator_lacks_now_and_none_of_its_creators_but_its_own() -> None:
    member = tenants.member(factories.organization(), Right.ORG_READ, Right.MEMBERS_READ)
    assert tenants.key_of(member, Right.ORG_READ, Right.ORG_WRITE).rights == {Right.ORG_READ}
    assert tenants.key_of(member, Right.ORG_WRITE).rights == frozenset()


def test_all_rights_together_move_no_money_and_no_message_and_open_no_organization() -> None:
    everything = allowed(tenants.caller(factories.organization(), *Right))
    assert everything == ANY_MEMBER | IN_PERSON | set().union(*BY_RIGHT.values())
    assert not everything & {pair for pairs in ACTS.values() for pair in pairs} - OF_CAMPAIGNS - {
        ("recipients", "create"),
        ("recipients", "update"),
        ("recipients", "delete"),
        ("webhooks", "replay"),
        ("members", "invite"),
        ("api-keys", "revoke"),
        *FOR_CUSTOMERS,
        # Which of its own accounts is billed.
        ("accounts", "set_default"),
    }
    assert not {resource for resource, _ in everything} & {"audit", "people", "service-keys"}
    assert ("organizations", "create") not in everything


def test_what_those_outside_of_organizations_may_do() -> None:
    founder = Actor.signed_in(factories.outsider(), member=None, session_id=uuid4())
    assert allowed(founder) == ANYBODY | {("organizations", "create"), ("passkeys", "own")}
    for scope, opened in {"organizations": ("organizations", "create"), "render": ("templates", "render")}.items():
        service = Actor.service(prefix="pidgr_s_test", key_id=uuid4(), scope=scope, address=None)
        assert allowed(service) == ANYBODY | {opened}
    assert allowed(Actor.anyone("198.51.100.1")) == ANYBODY


# --- The table -----------------------------------------------------------------------------------------------------


def test_a_pair_the_table_does_not_hold_is_allowed_to_nobody() -> None:
    everybody = (
        Actor.staff(factories.superuser()),
        Actor.command("x"),
        SYSTEM,
        tenants.caller(factories.organization(), *Right),
    )
    for actor in everybody:
        with pytest.raises(Forbidden):
            policy.require(actor, "messages", "burn")


CONTRACT = json.loads(Path(settings.BASE_DIR, "proto/contract/pidgr_v1.json").read_text())["services"]
CALLS = [(service, method) for service, methods in CONTRACT.items() for method in methods]
# What the contract says in words rather than in rights; ``person``: of a signed-in user, never of a key.
WORDS: dict[str, dict[str, Any]] = {
    "any signed-in user": {"person": True},
    "any signed-in user, own devices": {"person": True},
    "self": {"person": True},
    "own inbox": {"person": True},
    "the delivery's own recipient": {"person": True},
    "a member of it needs no permission": {"member": True},
    "without the permission: only those the caller belongs to": {"member": True},
    "self with empty user_id; else the permission": {"member": True},
    "self with empty or own user_id; else the permission": {"member": True},
    "anyone, signed in or not": {"anyone": True},
    "internal services only, never an organization's caller": {"scope": "render"},
}
REACH = "reaches only those the caller created"


@pytest.mark.parametrize(("service", "method"), CALLS)
def test_the_table_says_of_every_method_what_the_contract_says(service: str, method: str) -> None:
    asked, known = CONTRACT[service][method]["authorization"], METHODS[service][method]
    rule, who = POLICY[known.resource, known.action], asked.get("who", "")
    if method == "CreateOrganization":
        assert (rule.founder, rule.scope, rule.rights) == (True, "organizations", ())
        return
    assert {right.value for right in rule.rights} == set(asked.get("any_of", ()))
    words = {} if REACH in who else WORDS[who] if who else {}
    for field in ("person", "member", "anyone", "scope"):
        assert getattr(rule, field) == words.get(field, None if field == "scope" else False), field
    assert not rule.founder


def test_asking_again_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    actor = Actor.staff(fresh(factories.member_of_staff("Operations")))
    policy.may(actor, "messages", "hold")
    member = tenants.caller(factories.organization(), Right.ORG_READ)
    with django_assert_num_queries(0):
        assert allowed(actor)
        assert allowed(member)


def test_the_shipped_groups_get_back_what_they_miss_and_keep_what_was_added() -> None:
    group = Group.objects.get(name="Auditor")
    extra = Permission.objects.get(codename="hold_message")
    before = set(group.permissions.all())
    group.permissions.set([extra])
    Group.objects.get(name="Finance").delete()
    call_command("migrate", verbosity=0)
    assert set(group.permissions.all()) == before | {extra}
    assert Group.objects.get(name="Finance").permissions.filter(codename="approve_refund").exists()
