"""RoleService through the whole pipeline."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import role_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Permission
from ops_console.organizations.models import MemberStatus, Role
from ops_console.organizations.rights import SEEDED_ROLES, Right
from ops_console.organizations.services import roles as services
from ops_console.organizations.services.joining import join, person_with
from tests import tenants
from tests.factories import NOW
from tests.pidgr import Tenant, call, code, faults, refusal, token_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def other() -> Tenant:
    return Tenant.new("Other")


def create(name: str = "Night shift", *permissions: Permission) -> pb.CreateRoleRequest:
    return pb.CreateRoleRequest(name=name, permissions=[*permissions])


def update(role: Any, name: str = "", *permissions: Permission) -> pb.UpdateRoleRequest:
    return pb.UpdateRoleRequest(
        role_id=str(getattr(role, "pk", None) or role.id), name=name, permissions=[*permissions]
    )


def delete(role: Any) -> pb.DeleteRoleRequest:
    return pb.DeleteRoleRequest(role_id=str(getattr(role, "pk", None) or role.id))


# --- Listing -------------------------------------------------------------------------------------------------------


def test_roles_are_listed_with_their_permissions_the_seeded_ones_first(tenant: Tenant, other: Tenant) -> None:
    tenants.role(other.organization)
    tenants.role(tenant.organization, Right.INBOX_ACT)
    roles = call("RoleService.ListRoles", pb.ListRolesRequest(), tenant.person(Right.ORG_READ)).roles
    shown = [(role.slug, role.name, role.is_system, role.is_default) for role in roles[:4]]
    assert shown == [(role.slug, role.name, role.is_system, role.is_default) for role in SEEDED_ROLES]
    for role, seeded in zip(roles, SEEDED_ROLES, strict=False):
        assert [permission.name for permission in role.permissions] == list(seeded.rights)
    # That of the person who asks is one more.
    assert [role.permissions for role in roles[4:]] == [[Permission.INBOX_ACT], [Permission.ORG_READ]]


def test_every_permission_of_the_wire_is_a_right() -> None:
    assert {permission.name for permission in Permission} - {"UNSPECIFIED"} == set(Right)


def test_listing_asks_for_the_right_and_costs_the_same_however_many_there_are(tenant: Tenant) -> None:
    request, key = pb.ListRolesRequest(), tenant.key()
    assert code("RoleService.ListRoles", request) == "UNAUTHENTICATED"
    assert code("RoleService.ListRoles", request, tenant.person(Right.ORG_WRITE)) == "PERMISSION_DENIED"
    costs = []
    for n in (1, 30):
        for _ in range(n):
            tenants.role(tenant.organization, *Right)
        with CaptureQueriesContext(connection) as queries:
            call("RoleService.ListRoles", request, key)
        costs.append(len(queries))
    assert costs == [2, 2]


# --- Creating ------------------------------------------------------------------------------------------------------


def test_a_role_is_created_with_a_slug_and_each_permission_once(tenant: Tenant) -> None:
    twice = (Permission.INBOX_ACT, Permission.ORG_READ, Permission.INBOX_ACT)
    role = call("RoleService.CreateRole", create("  Night shift ", *twice), tenant.key()).role
    assert (role.name, role.slug, role.is_system, role.is_default) == ("Night shift", "night_shift", False, False)
    assert role.permissions == [Permission.ORG_READ, Permission.INBOX_ACT]
    entry = AuditEntry.objects.get(action="role.create")
    shown = {"name": "Night shift", "slug": "night_shift", "rights": ["ORG_READ", "INBOX_ACT"]}
    assert (entry.after, entry.target_id) == (shown, role.id)


def test_a_role_may_hold_nothing(tenant: Tenant) -> None:
    assert call("RoleService.CreateRole", create(), tenant.key()).role.permissions == []


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        (["Super-Admin"], ["super_admin_2"]),
        (["A b", "a-b", "A, b!"], ["a_b", "a_b_2", "a_b_3"]),
        (["Ärzte", "夜勤"], ["ärzte", "夜勤"]),
        (["!!!", "???"], ["role", "role_2"]),
        (["x" * 200, "X" * 200], ["x" * 196, "x" * 196 + "_2"]),
    ],
)
def test_slugs_are_made_from_names_and_differ(tenant: Tenant, names: list[str], slugs: list[str]) -> None:
    key = tenant.key()
    assert [call("RoleService.CreateRole", create(name), key).role.slug for name in names] == slugs


def test_a_name_is_taken_once_in_an_organization(tenant: Tenant, other: Tenant) -> None:
    call("RoleService.CreateRole", create("Night shift"), tenant.key())
    assert code("RoleService.CreateRole", create("Night shift "), tenant.key()) == "ALREADY_EXISTS"
    assert code("RoleService.CreateRole", create("Employee"), tenant.key()) == "ALREADY_EXISTS"
    assert call("RoleService.CreateRole", create("Night shift"), other.key()).role.slug == "night_shift"


def test_nobody_creates_a_role_with_a_right_he_lacks(tenant: Tenant) -> None:
    manager = tenant.person(Right.MEMBERS_MANAGE, Right.INBOX_READ)
    refused = refusal("RoleService.CreateRole", create("Big", Permission.INBOX_READ, Permission.ORG_WRITE), manager)
    assert (refused.code.name, refused.message) == ("PERMISSION_DENIED", "You do not hold ORG_WRITE yourself.")
    assert call("RoleService.CreateRole", create("Small", Permission.INBOX_READ), manager).role.slug == "small"


def test_creating_is_refused_for_whom_and_what_it_must(tenant: Tenant) -> None:
    assert code("RoleService.CreateRole", create()) == "UNAUTHENTICATED"
    assert code("RoleService.CreateRole", create(), tenant.person(Right.ORG_WRITE)) == "PERMISSION_DENIED"
    unknown = create("x", Permission(0), Permission(99))
    fields = {"name", "permissions[0]", "permissions[1]"}
    assert set(faults("RoleService.CreateRole", unknown, tenant.key())) == fields - {"name"}
    for name in ("", " ", "n" * 201, "two\nlines"):
        assert faults("RoleService.CreateRole", create(name), tenant.key()) == ["name"]
    assert not AuditEntry.objects.filter(action="role.create").exists()


def test_an_organization_has_so_many_roles_and_no_more(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_ROLES", 5)
    call("RoleService.CreateRole", create(), tenant.key())
    assert code("RoleService.CreateRole", create("More"), tenant.key()) == "FAILED_PRECONDITION"


# --- Updating ------------------------------------------------------------------------------------------------------


def test_what_is_given_changes_and_what_is_empty_stays(tenant: Tenant) -> None:
    key = tenant.key()
    role = call("RoleService.CreateRole", create("Night shift", Permission.INBOX_READ), key).role
    renamed = call("RoleService.UpdateRole", update(role, "Day shift"), key).role
    assert (renamed.name, renamed.slug, renamed.permissions) == ("Day shift", "night_shift", [Permission.INBOX_READ])
    widened = call("RoleService.UpdateRole", update(role, "", Permission.INBOX_ACT, Permission.ORG_READ), key).role
    assert (widened.name, widened.permissions) == ("Day shift", [Permission.ORG_READ, Permission.INBOX_ACT])
    assert call("RoleService.UpdateRole", update(role), key).role == widened
    assert call("RoleService.UpdateRole", update(role, "Day shift"), key).role == widened
    assert AuditEntry.objects.filter(action="role.update").count() == 2


def test_a_changed_role_counts_from_the_next_call_on(tenant: Tenant) -> None:
    role = tenants.role(tenant.organization)
    member = join(organization=tenant.organization, person=person_with("x@example.com"), role=role, now=NOW)
    token = token_of(member)
    assert code("RoleService.ListRoles", pb.ListRolesRequest(), token) == "PERMISSION_DENIED"
    call("RoleService.UpdateRole", update(role, "", Permission.ORG_READ), tenant.key())
    assert call("RoleService.ListRoles", pb.ListRolesRequest(), token).roles


def test_system_roles_never_change(tenant: Tenant) -> None:
    key = tenant.key()
    for request in (update(tenant.super_admin, "Boss"), update(tenant.super_admin, "", Permission.ORG_READ)):
        assert code("RoleService.UpdateRole", request, key) == "FAILED_PRECONDITION"
    assert code("RoleService.DeleteRole", delete(tenant.super_admin), key) == "FAILED_PRECONDITION"
    assert set(tenant.super_admin.rights) == set(Right)


def test_nobody_changes_a_role_that_holds_or_is_to_hold_what_he_lacks(tenant: Tenant) -> None:
    manager = tenant.person(Right.MEMBERS_MANAGE, Right.INBOX_READ)
    large = tenants.role(tenant.organization, Right.ORG_WRITE)
    small = tenants.role(tenant.organization, Right.INBOX_READ)
    for request in (
        update(large, "Renamed"),
        update(large, "", Permission.INBOX_READ),
        update(small, "", Permission.ORG_WRITE),
    ):
        assert code("RoleService.UpdateRole", request, manager) == "PERMISSION_DENIED"
    assert code("RoleService.DeleteRole", delete(large), manager) == "PERMISSION_DENIED"
    assert call("RoleService.UpdateRole", update(small, "Renamed"), manager).role.name == "Renamed"


def test_updating_is_refused_for_whom_and_what_it_must(tenant: Tenant, other: Tenant) -> None:
    role = tenants.role(tenant.organization)
    request = update(role, "Mine")
    assert code("RoleService.UpdateRole", request) == "UNAUTHENTICATED"
    assert code("RoleService.UpdateRole", request, tenant.person(Right.ORG_READ)) == "PERMISSION_DENIED"
    assert code("RoleService.UpdateRole", request, other.key()) == "NOT_FOUND"
    nowhere = pb.UpdateRoleRequest(role_id=str(uuid4()), name="x")
    assert code("RoleService.UpdateRole", nowhere, tenant.key()) == "NOT_FOUND"
    assert code("RoleService.UpdateRole", update(role, "Employee"), tenant.key()) == "ALREADY_EXISTS"
    assert faults("RoleService.UpdateRole", update(role, "n" * 201), tenant.key()) == ["name"]
    assert faults("RoleService.UpdateRole", pb.UpdateRoleRequest(role_id="x"), tenant.key()) == ["role_id"]


# --- Deleting ------------------------------------------------------------------------------------------------------


def test_a_role_nobody_has_is_deleted(tenant: Tenant) -> None:
    role = tenants.role(tenant.organization)
    call("RoleService.DeleteRole", delete(role), tenant.key())
    assert not Role.objects.filter(pk=role.pk).exists()
    assert AuditEntry.objects.get(action="role.delete").before["slug"] == role.slug
    assert code("RoleService.DeleteRole", delete(role), tenant.key()) == "NOT_FOUND"
    # A seeded one, too.
    call("RoleService.DeleteRole", delete(tenant.role("manager")), tenant.key())


@pytest.mark.parametrize("status", MemberStatus.values)
def test_a_role_in_use_stays_even_by_one_who_was_deactivated(tenant: Tenant, status: str) -> None:
    role = tenants.member(tenant.organization, status=MemberStatus(status)).role
    assert code("RoleService.DeleteRole", delete(role), tenant.key()) == "FAILED_PRECONDITION"
    assert Role.objects.filter(pk=role.pk).exists()


def test_the_default_role_stays(tenant: Tenant) -> None:
    refused = refusal("RoleService.DeleteRole", delete(tenant.role("employee")), tenant.key())
    assert (refused.code.name, refused.message[:16]) == ("FAILED_PRECONDITION", "The default role")


def test_deleting_is_refused_for_whom_it_must(tenant: Tenant, other: Tenant) -> None:
    role = tenants.role(tenant.organization)
    assert code("RoleService.DeleteRole", delete(role)) == "UNAUTHENTICATED"
    assert code("RoleService.DeleteRole", delete(role), tenant.person(Right.ORG_READ)) == "PERMISSION_DENIED"
    assert code("RoleService.DeleteRole", delete(role), other.key()) == "NOT_FOUND"
    assert faults("RoleService.DeleteRole", pb.DeleteRoleRequest(), tenant.key()) == ["role_id"]
    assert Role.objects.filter(pk=role.pk).exists()
