"""/api/v1/members, roles and organizations, for members, keys and staff."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ops_console.access.models import Session
from ops_console.access.policy import POLICY
from ops_console.audit.models import AuditEntry
from ops_console.letters.models import Letter
from ops_console.organizations.models import Member, MemberStatus, Role
from ops_console.organizations.rights import Right
from ops_console.organizations.services import invitations
from tests import bearers, ops, tenants
from tests.bearers import BearerClient
from tests.pidgr import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def other() -> Tenant:
    return Tenant.new("Other")


def bearer(text: str) -> Any:
    return BearerClient(text)


def master(of: Tenant) -> Any:
    """A key that may do everything in one organization."""
    return bearer(of.key())


def limited(of: Tenant, *rights: Right) -> Any:
    """A key that may do just this."""
    return bearers.client(of.organization, *rights)


def staff(resource: str) -> ops.StaffClient:
    """A member of staff who may do everything with one resource."""
    return ops.client(*(pair for pair, rule in POLICY.items() if pair[0] == resource and rule.staff))


def faults(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [fault.get("pointer") or fault["parameter"] for fault in answer.json()["errors"]]


# --- Members -------------------------------------------------------------------------------------------------------


def test_members_are_listed_within_ones_organization(tenant: Tenant, other: Tenant) -> None:
    invited = tenants.member(tenant.organization, status=MemberStatus.INVITED)
    tenants.member(other.organization)
    key = master(tenant)
    rows = key.rows("members", ordering="createdAt")
    assert [row["id"] for row in rows] == [str(tenant.founder.pk), str(invited.pk)]
    assert rows[0] == {
        "id": str(tenant.founder.pk),
        "organization": str(tenant.organization.pk),
        "email": tenant.founder.person.email,
        "name": "",
        "status": "active",
        "role": {"id": str(tenant.super_admin.pk), "slug": "super_admin", "name": "Super admin"},
        "invitedAt": None,
        "createdAt": "2026-03-18T09:30:00.000Z",
    }
    for query, found in (
        ({"status": "invited"}, [invited]),
        ({"roleId": str(invited.role_id)}, [invited]),
        ({"email": invited.person.email}, [invited]),
        ({"search": invited.person.email[:9]}, [invited]),
        ({"organization": str(other.organization.pk)}, []),
        ({"search": "nobody"}, []),
    ):
        assert [row["id"] for row in key.rows("members", **query)] == [str(member.pk) for member in found], query
    assert faults(key.get("/api/v1/members", {"status": "gone"})) == ["status"]


def test_staff_list_members_of_every_organization(tenant: Tenant, other: Tenant) -> None:
    client = staff("members")
    assert len(client.rows("members")) == 2
    assert [row["id"] for row in client.rows("members", organization=str(other.organization.pk))] == [
        str(other.founder.pk)
    ]


def test_pages_of_members_are_joined_by_a_cursor(tenant: Tenant) -> None:
    tenants.members(tenant.organization, 4)
    key, seen, cursor = master(tenant), [], ""
    for size in (2, 2, 1):
        page = key.get("/api/v1/members", {"limit": "2", **({"cursor": cursor} if cursor else {})}).json()
        assert len(page["results"]) == size
        seen += [row["id"] for row in page["results"]]
        cursor = page["nextCursor"]
    assert cursor is None
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("resource", ["members", "roles"])
@pytest.mark.parametrize("by_staff", [True, False])
def test_3_rows_and_30_cost_the_same(tenant: Tenant, resource: str, by_staff: bool) -> None:
    client: Any = staff(resource) if by_staff else master(tenant)
    costs = []
    for n in (3, 27):
        for _ in range(n):
            tenants.member(tenant.organization)
        client.rows(resource)
        with CaptureQueriesContext(connection) as queries:
            assert len(client.rows(resource, limit="200")) > n
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 5


def test_oneself_is_read_and_described_without_a_right(tenant: Tenant) -> None:
    member = tenants.member(tenant.organization)
    client = bearer(bearers.token_of(member))
    assert client.get("/api/v1/members/me").json()["id"] == str(member.pk)
    assert client.get(f"/api/v1/members/{member.pk}").status_code == 403
    assert client.get("/api/v1/members").status_code == 403
    profile = {"firstName": "Ada", "customAttributes": {"address.city": "Santa Fe"}}
    changed = client.send("members/me", {"profile": profile}, method="PATCH").json()["profile"]
    assert (changed["firstName"], changed["lastName"]) == ("Ada", "")
    assert changed["customAttributes"] == {"address.city": "Santa Fe"}
    own = client.send(f"members/{member.pk}", {"profile": {}}, method="PATCH").json()["profile"]
    assert (own["firstName"], own["customAttributes"]) == ("", {})
    assert staff("members").get("/api/v1/members/me").status_code == 403


def test_a_malformed_profile_names_its_members(tenant: Tenant) -> None:
    key = master(tenant)
    for profile, pointer in (
        ({"firstName": "a" * 201}, "/profile/firstName"),
        ({"firstName": "two\nlines"}, "/profile/firstName"),
        ({"nonsense": 1}, "/profile/nonsense"),
        ({"customAttributes": {"k": 1}}, "/profile/customAttributes/k"),
        ({"customAttributes": {"k": "bell\a"}}, "/profile/customAttributes/k"),
        ({"customAttributes": []}, "/profile/customAttributes"),
        ([], "/profile"),
    ):
        assert faults(key.send("members/me", {"profile": profile}, method="PATCH")) == [pointer], profile
    assert faults(key.send("members/me", {}, method="PATCH")) == ["/profile"]


def test_others_profiles_need_the_right_and_are_ones_own_organizations(tenant: Tenant, other: Tenant) -> None:
    member = tenants.member(tenant.organization)
    body, path = {"profile": {"title": "Keeper"}}, f"members/{member.pk}"
    assert limited(tenant, Right.MEMBERS_READ).send(path, body, method="PATCH").status_code == 403
    assert master(other).send(path, body, method="PATCH").status_code == 404
    assert master(tenant).send(path, body, method="PATCH").json()["profile"]["title"] == "Keeper"
    assert staff("members").send(path, body, method="PATCH").status_code == 200
    assert Client().get(f"/api/v1/{path}").status_code == 401


def test_somebody_is_invited_by_a_member(tenant: Tenant) -> None:
    body = {"email": "Bea@example.com", "name": "Bea", "profile": {"title": "Keeper"}}
    answer = master(tenant).send("members", body)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["email"], made["status"], made["role"]["slug"]) == ("bea@example.com", "invited", "employee")
    assert made["profile"]["title"] == "Keeper"
    assert answer["Location"] == f"/api/v1/members/{made['id']}"
    assert Letter.objects.get().to == "bea@example.com"
    again = master(tenant).send("members", body)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")


def test_somebody_is_invited_by_staff_into_the_organization_they_name(tenant: Tenant, other: Tenant) -> None:
    client, body = staff("members"), {"email": "bea@example.com"}
    assert faults(client.send("members", body)) == ["/organization"]
    assert faults(client.send("members", {**body, "organization": str(uuid4())})) == ["/organization"]
    here = {**body, "organization": str(tenant.organization.pk)}
    assert faults(client.send("members", {**here, "roleId": str(other.role("manager").pk)})) == ["/roleId"]
    made = client.send("members", {**here, "roleId": str(tenant.role("manager").pk)}).json()
    assert (made["organization"], made["role"]["slug"]) == (str(tenant.organization.pk), "manager")
    # A member invites into no other's.
    assert faults(master(other).send("members", {**here, "email": "x@example.com"})) == ["/organization"]


def test_an_invitation_is_faulted_by_member_of_the_body(tenant: Tenant) -> None:
    body = {"email": "nobody", "name": "a\nb", "profile": {"phone": "1\n2"}}
    assert sorted(faults(master(tenant).send("members", body))) == ["/email", "/name", "/profile/phone"]
    assert not Letter.objects.exists()


def test_an_invitation_is_sent_again_with_patience(tenant: Tenant) -> None:
    key = master(tenant)
    made = key.send("members", {"email": "bea@example.com"}).json()
    answer = key.send(f"members/{made['id']}/resend")
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 290 < int(answer["Retry-After"]) <= 301
    Member.objects.filter(pk=made["id"]).update(invited_at=timezone.now() - invitations.RESEND_AFTER)
    assert key.send(f"members/{made['id']}/resend").status_code == 200
    assert Letter.objects.count() == 2
    assert key.send(f"members/{tenant.founder.pk}/resend").json()["current"] == "active"


def test_a_role_is_given_and_a_member_deactivated(tenant: Tenant, other: Tenant) -> None:
    member, manager = tenants.member(tenant.organization), tenant.role("manager")
    session = bearers.session_of(member.person, member)
    for client in (master(other), limited(tenant, Right.MEMBERS_READ)):
        for path, body in (("role", {"roleId": str(manager.pk)}), ("deactivate", {})):
            assert client.send(f"members/{member.pk}/{path}", body).status_code in (403, 404)
    key = master(tenant)
    assert faults(key.send(f"members/{member.pk}/role", {"roleId": str(other.role("manager").pk)})) == ["/roleId"]
    given = key.send(f"members/{member.pk}/role", {"roleId": str(manager.pk), "reason": "Promoted."})
    assert given.json()["role"]["slug"] == "manager"
    gone = staff("members").send(f"members/{member.pk}/deactivate", {"reason": "Left."})
    assert gone.json()["status"] == "deactivated"
    assert Session.objects.get(pk=session.pk).ended_at is not None
    entries = AuditEntry.objects.filter(target_type="member", target_id=str(member.pk)).order_by("id")
    assert [(entry.action, entry.reason) for entry in entries] == [
        ("member.set_role", "Promoted."),
        ("member.deactivate", "Left."),
    ]
    again = key.send(f"members/{member.pk}/deactivate", {})
    assert (again.status_code, again.json()["current"]) == (409, "deactivated")
    last = key.send(f"members/{tenant.founder.pk}/deactivate", {})
    assert (last.status_code, last.json()["current"]) == (409, "last_super_admin")


# --- Roles ---------------------------------------------------------------------------------------------------------


def test_roles_are_read_within_ones_organization(tenant: Tenant, other: Tenant) -> None:
    key = master(tenant)
    rows = key.rows("roles", ordering="createdAt")
    assert [row["slug"] for row in rows] == ["super_admin", "admin", "manager", "employee"]
    assert rows[3]["permissions"] == ["INBOX_READ", "INBOX_ACT"]
    assert [row["slug"] for row in key.rows("roles", isDefault="true")] == ["employee"]
    assert [row["slug"] for row in key.rows("roles", search="admin", isSystem="false")] == ["admin"]
    assert key.get(f"/api/v1/roles/{tenant.super_admin.pk}").json()["isSystem"] is True
    assert key.get(f"/api/v1/roles/{other.super_admin.pk}").status_code == 404
    assert limited(tenant, Right.ORG_WRITE).get("/api/v1/roles").status_code == 403
    assert len(staff("roles").rows("roles")) == Role.objects.count() > 8


def test_a_role_is_created_changed_and_deleted(tenant: Tenant, other: Tenant) -> None:
    key = master(tenant)
    body = {"name": "Night shift", "permissions": ["INBOX_ACT", "INBOX_READ", "INBOX_ACT"]}
    made = key.send("roles", body)
    assert (made.status_code, made.json()["slug"]) == (201, "night_shift")
    assert made.json()["permissions"] == ["INBOX_READ", "INBOX_ACT"]
    path = made["Location"].removeprefix("/api/v1/")
    assert key.send("roles", body).json()["code"] == "already_exists"
    changed = key.send(path, {"permissions": []}, method="PATCH").json()
    assert (changed["name"], changed["permissions"]) == ("Night shift", [])
    assert key.send(path, {"name": "Day shift"}, method="PATCH").json()["name"] == "Day shift"
    assert faults(key.send(path, {"permissions": ["FLY"]}, method="PATCH")) == ["/permissions/0"]
    assert master(other).send(path, {"name": "Mine"}, method="PATCH").status_code == 404
    assert master(other).send(path, method="DELETE").status_code == 404
    assert key.send(path, method="DELETE").status_code == 204
    assert key.get(f"/api/v1/{path}").status_code == 404


def test_what_must_not_change_is_a_conflict(tenant: Tenant) -> None:
    key = master(tenant)
    in_use = tenants.member(tenant.organization).role
    for role, current in ((tenant.super_admin, "system"), (tenant.role("employee"), "default"), (in_use, "in_use")):
        answer = key.send(f"roles/{role.pk}", method="DELETE")
        assert (answer.status_code, answer.json()["current"]) == (409, current)
    assert key.send(f"roles/{tenant.super_admin.pk}", {"name": "X"}, method="PATCH").status_code == 409
    manager = limited(tenant, Right.MEMBERS_MANAGE)
    assert manager.send("roles", {"name": "Big", "permissions": ["ORG_WRITE"]}).status_code == 403


def test_staff_create_roles_where_they_say(tenant: Tenant) -> None:
    client, body = staff("roles"), {"name": "Night shift", "permissions": ["ORG_WRITE"], "reason": "Asked for."}
    assert faults(client.send("roles", body)) == ["/organization"]
    made = client.send("roles", {**body, "organization": str(tenant.organization.pk)}).json()
    assert Role.objects.get(pk=made["id"]).organization_id == tenant.organization.pk
    assert AuditEntry.objects.get(action="role.create").reason == "Asked for."


# --- Organizations -------------------------------------------------------------------------------------------------

WORKFLOW = {"steps": [{"id": "send", "type": "STEP_TYPE_SEND_NOTIFICATION", "sendNotification": {"type": "push"}}]}


def test_an_organization_is_changed_by_its_members(tenant: Tenant, other: Tenant) -> None:
    key, path = master(tenant), f"organizations/{tenant.organization.pk}"
    body = {"name": "Plumage", "industry": "media", "companySize": "1_200", "defaultWorkflow": WORKFLOW}
    changed = key.send(path, body, method="PATCH").json()
    assert {name: changed[name] for name in body} == body
    assert changed["memberCount"] == 1
    assert key.send(path, {"name": "Down"}, method="PATCH").json()["defaultWorkflow"] == WORKFLOW
    assert key.send(path, {"defaultWorkflow": None}, method="PATCH").json()["defaultWorkflow"] is None
    assert master(other).send(path, body, method="PATCH").status_code == 404
    assert limited(tenant, Right.ORG_READ).send(path, body, method="PATCH").status_code == 403
    assert staff("organizations").send(path, {"name": "Ours"}, method="PATCH").json()["name"] == "Ours"
    assert Client().get(f"/api/v1/{path}").status_code == 401


def test_an_organization_is_faulted_by_member_of_the_body(tenant: Tenant) -> None:
    key, path = master(tenant), f"organizations/{tenant.organization.pk}"
    for body, pointer in (
        ({"name": ""}, "/name"),
        ({"name": "two\nlines"}, "/name"),
        ({"industry": "crime"}, "/industry"),
        ({"companySize": "huge"}, "/companySize"),
        ({"defaultWorkflow": {"steps": [{"id": ""}]}}, "/defaultWorkflow"),
        ({"defaultWorkflow": {"stages": []}}, "/defaultWorkflow"),
        ({"defaultWorkflow": 1}, "/defaultWorkflow"),
    ):
        assert faults(key.send(path, body, method="PATCH")) == [pointer], body


def test_mappings_are_replaced(tenant: Tenant) -> None:
    path = f"organizations/{tenant.organization.pk}/sso-attribute-mappings"
    body = {"ssoAttributeMappings": [{"idpClaim": "dept", "profileField": "department"}]}
    key = master(tenant)
    assert key.send(path, body, method="PUT").json()["ssoAttributeMappings"] == body["ssoAttributeMappings"]
    twice = {"ssoAttributeMappings": body["ssoAttributeMappings"] * 2}
    assert faults(key.send(path, twice, method="PUT"))[0] == "/ssoAttributeMappings/0/profileField"
    assert faults(key.send(path, {"ssoAttributeMappings": [{}]}, method="PUT")) == [
        "/ssoAttributeMappings/0/idpClaim",
        "/ssoAttributeMappings/0/profileField",
    ]
    assert key.send(path, {"ssoAttributeMappings": []}, method="PUT").json()["ssoAttributeMappings"] == []


def test_a_bearer_caller_opens_no_organization_here() -> None:
    body = {"name": "Roost", "adminEmail": "ann@roost.example", "account": "roost", "region": "EU_W"}
    founder = bearer(bearers.founders_token())
    assert founder.send("organizations", body).status_code == 403
    assert bearer(bearers.service_key("organizations").text).send("organizations", body).status_code == 403
