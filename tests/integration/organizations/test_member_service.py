"""MemberService but for invitations, through the whole pipeline."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ops_console.access.models import ApiKey, Session
from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import member_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.gen.pidgr.v1.user_pb import ThemePreference, UserProfile, UserSettings, UserStatus
from ops_console.organizations.models import Member, MemberStatus, Role
from ops_console.organizations.rights import Right
from ops_console.organizations.services.joining import person_with
from tests import pidgr, tenants
from tests.pidgr import Tenant, call, code, faults, refusal, token_of

pytestmark = pytest.mark.django_db

MANAGER = (Right.MEMBERS_MANAGE, Right.MEMBERS_READ)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def other() -> Tenant:
    return Tenant.new("Other")


# --- Reading -------------------------------------------------------------------------------------------------------


def test_everybody_reads_himself(tenant: Tenant) -> None:
    member = tenants.member(tenant.organization)
    user = call("MemberService.GetUser", pb.GetUserRequest(), token_of(member)).user
    assert (user.id, user.email, user.status) == (str(member.pk), member.person.email, UserStatus.ACTIVE)
    assert (user.role_id, user.role.slug, user.role.permissions) == (str(member.role_id), member.role.slug, [])
    assert user.created_at.to_datetime() == member.created_at
    assert call("MemberService.GetUser", pb.GetUserRequest(), tenant.key()).user.id == str(tenant.founder.pk)


def test_others_are_read_by_right_and_only_in_ones_own_organization(tenant: Tenant, other: Tenant) -> None:
    member = tenants.member(tenant.organization)
    request = pb.GetUserRequest(user_id=str(member.pk))
    assert call("MemberService.GetUser", request, tenant.person(Right.MEMBERS_READ)).user.id == str(member.pk)
    assert code("MemberService.GetUser", request, tenant.person()) == "PERMISSION_DENIED"
    # By his own id, too: who reads by id needs the right.
    assert code("MemberService.GetUser", request, token_of(member)) == "PERMISSION_DENIED"
    assert code("MemberService.GetUser", request, other.key()) == "NOT_FOUND"
    assert code("MemberService.GetUser", pb.GetUserRequest(user_id=str(uuid4())), tenant.key()) == "NOT_FOUND"
    assert code("MemberService.GetUser", request) == "UNAUTHENTICATED"
    assert faults("MemberService.GetUser", pb.GetUserRequest(user_id="me"), tenant.key()) == ["user_id"]


def test_a_person_without_an_organization_is_nobody(tenant: Tenant) -> None:
    stranger = token_of(person_with("stranger@example.com"))
    for method, request in (
        ("GetUser", pb.GetUserRequest()),
        ("ListUsers", pb.ListUsersRequest()),
        ("GetUserSettings", pb.GetUserSettingsRequest()),
        ("UpdateUserProfile", pb.UpdateUserProfileRequest()),
        ("UpdateUserSettings", pb.UpdateUserSettingsRequest()),
    ):
        assert code(f"MemberService.{method}", request, stranger) == "PERMISSION_DENIED"


def test_users_come_page_by_page_in_the_order_they_joined(tenant: Tenant, other: Tenant) -> None:
    tenants.members(other.organization, 3)
    joined = [tenant.founder, *tenants.members(tenant.organization, 6)]
    tenants.member(tenant.organization, status=MemberStatus.DEACTIVATED)
    key, token, seen = tenant.key(), "", []
    for size in (3, 3, 2):
        pages = Pagination(page_size=3, page_token=token)
        page = call("MemberService.ListUsers", pb.ListUsersRequest(pagination=pages), key)
        assert (len(page.users), page.pagination.total_count) == (size, 8)
        seen += [user.id for user in page.users]
        token = page.pagination.next_page_token
    assert token == ""
    assert seen[:7] == [str(member.pk) for member in joined]


def test_listing_users_asks_for_the_right_and_for_a_token_of_its_own(tenant: Tenant, other: Tenant) -> None:
    assert code("MemberService.ListUsers", pb.ListUsersRequest(), tenant.person(Right.ORG_READ)) == "PERMISSION_DENIED"
    assert code("MemberService.ListUsers", pb.ListUsersRequest()) == "UNAUTHENTICATED"
    tenants.members(tenant.organization, 2)
    first = pb.ListUsersRequest(pagination=Pagination(page_size=1))
    token = call("MemberService.ListUsers", first, tenant.key()).pagination.next_page_token
    for strange in (token + "x", "x", token[1:]):
        request = pb.ListUsersRequest(pagination=Pagination(page_token=strange))
        assert faults("MemberService.ListUsers", request, tenant.key()) == ["pagination.page_token"]
    stolen = pb.ListUsersRequest(pagination=Pagination(page_size=1, page_token=token))
    assert faults("MemberService.ListUsers", stolen, other.key()) == ["pagination.page_token"]
    too_many = pb.ListUsersRequest(pagination=Pagination(page_size=201))
    assert faults("MemberService.ListUsers", too_many, tenant.key()) == ["pagination.page_size"]


def test_a_page_costs_the_same_queries_however_long_it_is(tenant: Tenant) -> None:
    key = tenant.key()
    call("MemberService.ListUsers", pb.ListUsersRequest(), key)
    costs = []
    for n in (2, 40):
        tenants.members(tenant.organization, n)
        with CaptureQueriesContext(connection) as queries:
            call("MemberService.ListUsers", pb.ListUsersRequest(), key)
        costs.append(len(queries))
    # The caller, with how many members there are, and the page.
    assert costs == [2, 2]


# --- Roles ---------------------------------------------------------------------------------------------------------


def set_role(member: Member, role: Role) -> pb.UpdateUserRoleRequest:
    return pb.UpdateUserRoleRequest(user_id=str(member.pk), role_id=str(role.pk))


def test_a_member_gets_another_role(tenant: Tenant) -> None:
    member, manager = tenants.member(tenant.organization), tenant.role("manager")
    key = tenant.key()
    user = call("MemberService.UpdateUserRole", set_role(member, manager), key).user
    assert (user.role.slug, user.role_id) == ("manager", str(manager.pk))
    entry = AuditEntry.objects.get(action="member.set_role")
    assert (entry.before, entry.after) == ({"role": member.role.slug}, {"role": "manager"})
    assert (entry.target_id, entry.actor[:4]) == (str(member.pk), "key:")
    # Again: nothing more is done.
    assert call("MemberService.UpdateUserRole", set_role(member, manager), key).user.role.slug == "manager"
    assert AuditEntry.objects.filter(action="member.set_role").count() == 1


def test_a_deactivated_members_role_may_change_so_that_roles_can_be_deleted(tenant: Tenant) -> None:
    member = tenants.member(tenant.organization, status=MemberStatus.DEACTIVATED)
    request = set_role(member, tenant.role("employee"))
    assert call("MemberService.UpdateUserRole", request, tenant.key()).user.role.slug == "employee"


def test_nobody_gives_or_takes_a_right_he_lacks(tenant: Tenant) -> None:
    manager = tenant.person(*MANAGER, Right.INBOX_READ, Right.INBOX_ACT)
    member, admin = tenants.member(tenant.organization), tenants.member(tenant.organization, Right.ORG_WRITE)
    small, large = tenant.role("employee"), tenants.role(tenant.organization, Right.ORG_WRITE)
    refused = refusal("MemberService.UpdateUserRole", set_role(member, large), manager)
    assert (refused.code.name, refused.message) == ("PERMISSION_DENIED", "You do not hold ORG_WRITE yourself.")
    assert code("MemberService.UpdateUserRole", set_role(admin, small), manager) == "PERMISSION_DENIED"
    assert call("MemberService.UpdateUserRole", set_role(member, small), manager).user.role.slug == "employee"
    # A key holds what it was given, not all its creator holds.
    narrow = tenant.key(rights=MANAGER)
    assert code("MemberService.UpdateUserRole", set_role(member, large), narrow) == "PERMISSION_DENIED"


def test_changing_a_role_is_refused_for_whom_and_what_it_must(tenant: Tenant, other: Tenant) -> None:
    member, role = tenants.member(tenant.organization), tenant.role("employee")
    request = set_role(member, role)
    assert code("MemberService.UpdateUserRole", request) == "UNAUTHENTICATED"
    assert code("MemberService.UpdateUserRole", request, tenant.person(Right.MEMBERS_READ)) == "PERMISSION_DENIED"
    assert code("MemberService.UpdateUserRole", request, other.key()) == "NOT_FOUND"
    assert faults("MemberService.UpdateUserRole", set_role(member, other.role("employee")), tenant.key()) == ["role_id"]
    unknown = pb.UpdateUserRoleRequest(user_id=str(member.pk), role_id=str(uuid4()))
    assert faults("MemberService.UpdateUserRole", unknown, tenant.key()) == ["role_id"]
    assert faults("MemberService.UpdateUserRole", pb.UpdateUserRoleRequest(), tenant.key()) == ["user_id", "role_id"]


def test_the_last_super_admin_is_not_demoted(tenant: Tenant) -> None:
    key, role = tenant.key(), tenant.role("admin")
    refused = refusal("MemberService.UpdateUserRole", set_role(tenant.founder, role), key)
    assert refused.code.name == "FAILED_PRECONDITION"
    # One who is only invited, or deactivated, does not count.
    second = tenants.member(tenant.organization, status=MemberStatus.INVITED)
    assert call("MemberService.UpdateUserRole", set_role(second, tenant.super_admin), key).user.role.is_system
    assert code("MemberService.UpdateUserRole", set_role(tenant.founder, role), key) == "FAILED_PRECONDITION"
    third = tenants.member(tenant.organization)
    call("MemberService.UpdateUserRole", set_role(third, tenant.super_admin), key)
    assert call("MemberService.UpdateUserRole", set_role(tenant.founder, role), key).user.role.slug == "admin"
    assert code("MemberService.UpdateUserRole", set_role(third, role), token_of(third)) == "FAILED_PRECONDITION"


# --- Deactivation --------------------------------------------------------------------------------------------------


def deactivate(member: Member) -> pb.DeactivateUserRequest:
    return pb.DeactivateUserRequest(user_id=str(member.pk))


def test_deactivation_ends_sessions_and_keys_of_that_member_only(tenant: Tenant) -> None:
    member = tenants.member(tenant.organization, *Right)
    token, bystander = token_of(member), tenant.person(Right.MEMBERS_READ)
    ApiKey.objects.create(
        organization=tenant.organization,
        creator=member,
        name="his",
        key_prefix="p",
        key_digest=b"d",
        created_at=timezone.now(),
        rights=[],
    )
    key = tenant.key()
    user = call("MemberService.DeactivateUser", deactivate(member), key).user
    assert user.status is UserStatus.DEACTIVATED
    assert code("MemberService.GetUser", pb.GetUserRequest(), token) == "UNAUTHENTICATED"
    assert Session.objects.get(member=member).ended_for == "deactivated"
    assert ApiKey.objects.get(creator=member).revoked_at is not None
    assert call("MemberService.ListUsers", pb.ListUsersRequest(), bystander).users
    assert ApiKey.objects.get(creator=tenant.founder).revoked_at is None
    assert list(member.events.values_list("from_status", "to_status")) == [("active", "deactivated")]
    assert AuditEntry.objects.get(action="member.deactivate").after == {"status": "deactivated"}
    refused = refusal("MemberService.DeactivateUser", deactivate(member), key)
    assert refused.code.name == "FAILED_PRECONDITION"


def test_an_invitation_is_taken_back_by_deactivation(tenant: Tenant) -> None:
    member = tenants.member(tenant.organization, status=MemberStatus.INVITED)
    assert call("MemberService.DeactivateUser", deactivate(member), tenant.key()).user.status is UserStatus.DEACTIVATED


def test_the_last_super_admin_stays(tenant: Tenant) -> None:
    key = tenant.key()
    assert code("MemberService.DeactivateUser", deactivate(tenant.founder), key) == "FAILED_PRECONDITION"
    second = tenants.member(tenant.organization)
    call("MemberService.UpdateUserRole", set_role(second, tenant.super_admin), key)
    call("MemberService.DeactivateUser", deactivate(tenant.founder), key)
    # With its creator went the key.
    assert code("MemberService.DeactivateUser", deactivate(second), key) == "UNAUTHENTICATED"
    assert code("MemberService.DeactivateUser", deactivate(second), token_of(second)) == "FAILED_PRECONDITION"


def test_deactivation_is_refused_for_whom_and_what_it_must(tenant: Tenant, other: Tenant) -> None:
    member = tenants.member(tenant.organization, Right.ORG_WRITE)
    request = deactivate(member)
    assert code("MemberService.DeactivateUser", request) == "UNAUTHENTICATED"
    assert code("MemberService.DeactivateUser", request, tenant.person(Right.MEMBERS_READ)) == "PERMISSION_DENIED"
    assert code("MemberService.DeactivateUser", request, tenant.person(Right.MEMBERS_MANAGE)) == "PERMISSION_DENIED"
    assert code("MemberService.DeactivateUser", request, other.key()) == "NOT_FOUND"
    assert faults("MemberService.DeactivateUser", pb.DeactivateUserRequest(), tenant.key()) == ["user_id"]
    member.refresh_from_db()
    assert member.status == "active"


# --- Profile and settings ------------------------------------------------------------------------------------------

PROFILE = UserProfile(
    first_name="Ada",
    phone="+1 505 555 0100",
    employee_id="E-17",
    custom_attributes={"address.city": "Santa Fe", "shift": "night\nand day"},
)


def test_a_profile_is_replaced_as_a_whole(tenant: Tenant) -> None:
    member = tenants.member(tenant.organization)
    token = token_of(member)
    user = call("MemberService.UpdateUserProfile", pb.UpdateUserProfileRequest(profile=PROFILE), token).user
    assert user.profile == PROFILE
    own = pb.UpdateUserProfileRequest(user_id=str(member.pk), profile=UserProfile(title="Loft keeper"))
    assert call("MemberService.UpdateUserProfile", own, token).user.profile == UserProfile(title="Loft keeper")
    assert call("MemberService.UpdateUserProfile", pb.UpdateUserProfileRequest(), token).user.profile == UserProfile()
    member.refresh_from_db()
    assert member.profile == {}
    changed = [entry.after["changed"] for entry in AuditEntry.objects.filter(action="member.update_profile")]
    first = ["custom_attributes", "employee_id", "first_name", "phone"]
    assert changed == [first, sorted([*first, "title"]), ["title"]]
    assert "Ada" not in str(list(AuditEntry.objects.values()))


def test_others_profiles_are_changed_by_right_and_within_reach(tenant: Tenant, other: Tenant) -> None:
    member, admin = tenants.member(tenant.organization), tenants.member(tenant.organization, Right.ORG_WRITE)
    request = pb.UpdateUserProfileRequest(user_id=str(member.pk), profile=PROFILE)
    of_admin = pb.UpdateUserProfileRequest(user_id=str(admin.pk), profile=PROFILE)
    manager = tenant.person(Right.MEMBERS_MANAGE)
    assert call("MemberService.UpdateUserProfile", request, manager).user.profile.first_name == "Ada"
    assert code("MemberService.UpdateUserProfile", of_admin, manager) == "PERMISSION_DENIED"
    assert code("MemberService.UpdateUserProfile", request, tenant.person(Right.MEMBERS_READ)) == "PERMISSION_DENIED"
    assert code("MemberService.UpdateUserProfile", request, other.key()) == "NOT_FOUND"
    assert code("MemberService.UpdateUserProfile", request) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        (UserProfile(first_name="a" * 201), "profile.first_name"),
        (UserProfile(start_date="two\nlines"), "profile.start_date"),
        (UserProfile(title="nul\0"), "profile.title"),
        (UserProfile(custom_attributes={str(n): "x" for n in range(51)}), "profile.custom_attributes"),
        (UserProfile(custom_attributes={"": "x"}), "profile.custom_attributes."),
        (UserProfile(custom_attributes={"k" * 101: "x"}), f'profile.custom_attributes["{"k" * 50}"]'),
        (UserProfile(custom_attributes={"k": "x" * 1001}), 'profile.custom_attributes["k"]'),
        (UserProfile(custom_attributes={"k": "bell\a"}), "profile.custom_attributes.k"),
    ],
)
def test_a_malformed_profile_is_refused_by_field(tenant: Tenant, profile: UserProfile, field: str) -> None:
    request = pb.UpdateUserProfileRequest(profile=profile)
    assert faults("MemberService.UpdateUserProfile", request, tenant.key()) == [field]


def test_settings_are_ones_own_and_no_keys(tenant: Tenant) -> None:
    token = tenant.person()
    theme = call("MemberService.GetUserSettings", pb.GetUserSettingsRequest(), token).settings.theme_preference
    assert theme is ThemePreference.SYSTEM
    for chosen in (ThemePreference.DARK, ThemePreference.LIGHT):
        request = pb.UpdateUserSettingsRequest(settings=UserSettings(theme_preference=chosen))
        assert call("MemberService.UpdateUserSettings", request, token).settings.theme_preference is chosen
        kept = call("MemberService.GetUserSettings", pb.GetUserSettingsRequest(), token).settings
        assert kept.theme_preference is chosen
    emptied = call("MemberService.UpdateUserSettings", pb.UpdateUserSettingsRequest(), token).settings
    assert emptied.theme_preference is ThemePreference.SYSTEM
    assert code("MemberService.GetUserSettings", pb.GetUserSettingsRequest(), tenant.key()) == "PERMISSION_DENIED"
    assert code("MemberService.UpdateUserSettings", pb.UpdateUserSettingsRequest(), tenant.key()) == "PERMISSION_DENIED"
    assert code("MemberService.GetUserSettings", pb.GetUserSettingsRequest()) == "UNAUTHENTICATED"
    unknown = pb.UpdateUserSettingsRequest(settings=UserSettings(theme_preference=ThemePreference(9)))
    assert faults("MemberService.UpdateUserSettings", unknown, token) == ["settings.theme_preference"]


def test_a_repetition_with_a_key_is_answered_from_what_is_kept(tenant: Tenant) -> None:
    member, key = tenants.member(tenant.organization), tenant.key()
    first = call("MemberService.DeactivateUser", deactivate(member), key, idempotency_key="k1")
    assert call("MemberService.DeactivateUser", deactivate(member), key, idempotency_key="k1") == first
    assert pidgr.code("MemberService.DeactivateUser", deactivate(member), key) == "FAILED_PRECONDITION"
