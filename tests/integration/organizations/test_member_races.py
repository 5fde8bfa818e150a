"""Members and roles changed from many connections at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from django.utils import timezone

from ops_console.access.actors import Actor
from ops_console.access.models import Session
from ops_console.errors import AlreadyExists, DomainError, Forbidden, InvalidInput, InvalidTransition
from ops_console.letters.models import Letter
from ops_console.organizations.models import Group, GroupMember, Member, MemberEvent, MemberStatus, Organization, Role
from ops_console.organizations.rights import Right
from ops_console.organizations.services import create_organization, invitations, members, roles
from ops_console.organizations.services.joining import person_with
from tests import tenants
from tests.factories import COMMAND, NOW
from tests.pidgr import Tenant, token_of
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def tenant(committed_db: None) -> Tenant:
    return Tenant.new()


def counts_are_right(organization: Organization) -> bool:
    organization.refresh_from_db()
    n_members = Member.objects.filter(organization=organization).count()
    group = Group.objects.get(organization=organization, is_default=True)
    n_entries = GroupMember.objects.filter(group=group).count()
    return organization.member_count == group.member_count == n_members == n_entries


def of_kind(outcomes: list[Any], kind: type[object]) -> int:
    return sum(isinstance(outcome, kind) for outcome in outcomes)


def at_once(*steps: Callable[[], object]) -> list[object]:
    return in_threads(len(steps), lambda number: steps[number]())


def super_admins(tenant: Tenant, n: int) -> list[Member]:
    """The founder and so many others of his role."""
    others = tenants.members(tenant.organization, n)
    for other in others:
        members.change_role(member_id=other.pk, role_id=tenant.super_admin.pk, actor=COMMAND, now=NOW)
    return [tenant.founder, *others]


@pytest.mark.parametrize("way", ["deactivate", "demote", "both"])
def test_one_super_admin_remains_of_all_that_leave_at_once(tenant: Tenant, way: str) -> None:
    everybody, employee = super_admins(tenant, 7), tenant.role("employee")

    def leave(number: int) -> Member:
        member_id = everybody[number].pk
        if way == "deactivate" or (way == "both" and number % 2):
            return members.deactivate(member_id=member_id, actor=COMMAND, now=NOW)
        return members.change_role(member_id=member_id, role_id=employee.pk, actor=COMMAND, now=NOW)

    outcomes = in_threads(8, leave)
    assert (of_kind(outcomes, Member), of_kind(outcomes, InvalidTransition)) == (7, 1)
    left = Member.objects.filter(role=tenant.super_admin, status=MemberStatus.ACTIVE)
    assert left.count() == 1


def test_invitations_of_one_address_at_once_make_one_member_and_one_letter(tenant: Tenant) -> None:
    def invite(number: int) -> Member:
        return invitations.invite(
            email="bea@example.com", organization_id=tenant.organization.pk, actor=COMMAND, now=NOW
        )

    outcomes = in_threads(8, invite)
    assert (of_kind(outcomes, Member), of_kind(outcomes, AlreadyExists)) == (1, 7), outcomes
    assert Letter.objects.count() == 1
    assert counts_are_right(tenant.organization)
    assert tenant.organization.member_count == 2


def test_one_who_was_deactivated_is_invited_again_once(tenant: Tenant) -> None:
    gone = tenants.member(tenant.organization, status=MemberStatus.DEACTIVATED)

    def invite(number: int) -> Member:
        return invitations.invite(
            email=gone.person.email, organization_id=tenant.organization.pk, actor=COMMAND, now=NOW
        )

    outcomes = in_threads(8, invite)
    assert (of_kind(outcomes, Member), of_kind(outcomes, AlreadyExists)) == (1, 7), outcomes
    assert (Letter.objects.count(), MemberEvent.objects.count()) == (1, 1)


def test_counters_are_right_after_many_invitations_at_once(tenant: Tenant) -> None:
    def invite(number: int) -> None:
        for round_ in range(4):
            email = f"bird{number}-{round_}@example.com"
            invitations.invite(email=email, organization_id=tenant.organization.pk, actor=COMMAND, now=NOW)

    assert in_threads(8, invite) == [None] * 8
    assert counts_are_right(tenant.organization)
    assert tenant.organization.member_count == 33


def test_a_person_opens_one_organization_however_often_he_asks_at_once() -> None:
    person = person_with("ann@roost.example")
    actor = Actor.signed_in(person, member=None, session_id=person.pk)

    def open_one(number: int) -> object:
        return create_organization(name=f"Roost {number}", actor=actor, now=NOW)

    outcomes = in_threads(8, open_one)
    assert of_kind(outcomes, Forbidden) == 7, outcomes
    assert Organization.objects.count() == Member.objects.count() == 1


def test_a_role_is_not_deleted_under_who_gets_it(tenant: Tenant) -> None:
    for _ in range(10):
        role, member = tenants.role(tenant.organization), tenants.member(tenant.organization)
        delete = partial(roles.delete_role, role_id=role.pk, actor=COMMAND, now=NOW)
        give = partial(members.change_role, member_id=member.pk, role_id=role.pk, actor=COMMAND, now=NOW)
        outcomes = at_once(delete, give)
        member.refresh_from_db()
        if Role.objects.filter(pk=role.pk).exists():
            assert isinstance(outcomes[0], InvalidTransition)
            assert member.role_id == role.pk
        else:
            assert isinstance(outcomes[1], InvalidInput)
            assert member.role_id != role.pk


def test_one_name_makes_one_role_and_alike_names_differ_in_slug(tenant: Tenant) -> None:
    def create(number: int) -> Role:
        name = "Night shift" if number % 2 else f"night-shift{'!' * number}"
        return roles.create_role(name=name, rights=[], organization_id=tenant.organization.pk, actor=COMMAND, now=NOW)

    outcomes = in_threads(8, create)
    assert (of_kind(outcomes, Role), of_kind(outcomes, AlreadyExists)) == (5, 3), outcomes
    slugs = set(Role.objects.filter(organization=tenant.organization, is_system=False).values_list("slug", flat=True))
    assert {slug for slug in slugs if slug.startswith("night")} == {
        "night_shift",
        *(f"night_shift_{n}" for n in range(2, 6)),
    }


def test_an_invitation_is_accepted_once_by_sign_ins_at_once(tenant: Tenant) -> None:
    member = tenants.member(tenant.organization, status=MemberStatus.INVITED)
    outcomes = in_threads(6, lambda number: token_of(member))
    assert of_kind(outcomes, str) == 6, outcomes
    assert MemberEvent.objects.filter(subject=member).count() == 1


def test_no_session_outlives_a_deactivation_that_came_meanwhile(tenant: Tenant) -> None:
    for _ in range(6):
        member = tenants.member(tenant.organization)
        end = partial(members.deactivate, member_id=member.pk, actor=COMMAND, now=timezone.now())
        outcomes = at_once(end, partial(token_of, member), partial(token_of, member))
        assert isinstance(outcomes[0], Member)
        assert not Session.objects.filter(member=member, ended_at=None).exists(), outcomes


def test_everything_at_once_ends_without_a_deadlock(tenant: Tenant) -> None:
    organization, everybody = tenant.organization, super_admins(tenant, 5)
    two = [tenants.role(organization, Right.INBOX_READ) for _ in range(2)]

    def work(number: int) -> list[Exception]:
        random, failures = Random(number), []
        for round_ in range(12):
            who, role = random.choice(everybody), random.choice(two)
            anew = partial(invitations.invite, organization_id=organization.pk, actor=COMMAND, now=NOW)
            steps: list[Callable[[], object]] = [
                partial(anew, email=f"n{number}-{round_}@example.com"),
                partial(anew, email=who.person.email),
                partial(members.deactivate, member_id=who.pk, actor=COMMAND, now=NOW),
                partial(members.change_role, member_id=who.pk, role_id=role.pk, actor=COMMAND, now=NOW),
                partial(token_of, who),
                partial(
                    roles.update_role, role_id=role.pk, rights=random.sample(list(Right), 3), actor=COMMAND, now=NOW
                ),
            ]
            try:
                random.choice(steps)()
            except DomainError:
                continue
            except Exception as error:  # noqa: BLE001 - a deadlock is one
                failures.append(error)
        return failures

    assert in_threads(8, work) == [[]] * 8
    assert counts_are_right(organization)
    assert Member.objects.filter(role=tenant.super_admin, status=MemberStatus.ACTIVE).exists()
