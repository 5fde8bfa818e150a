"""Members, their invitations, and roles."""

from __future__ import annotations

from ops_console.organizations.models import Member, Organization, Role
from ops_console.organizations.rights import Right
from tests import tenants
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, retrieves, scenario


def member(of: Organization) -> Member:
    return tenants.member(of)


def role(of: Organization) -> Role:
    return tenants.role(of)


lists("members", member)
lists("roles", role)
retrieves("members", lambda of: member(of).pk)
retrieves("roles", lambda of: role(of).pk)


@scenario("members", "invite")
def invite(of: Organization) -> Request:
    body = {"organization": str(of.pk), "email": "bea@roost.example", "name": "Bea", "profile": {"title": "Keeper"}}
    # Those of the role that people are invited to, unless told otherwise.
    return Request("POST", "members", body, rights=(Right.INBOX_READ, Right.INBOX_ACT))


@scenario("members", "set_role")
def set_role(of: Organization) -> Request:
    return Request("POST", f"members/{member(of).pk}/role", {**REASON, "roleId": str(role(of).pk)})


@scenario("members", "deactivate")
def deactivate(of: Organization) -> Request:
    return Request("POST", f"members/{member(of).pk}/deactivate", REASON)


@scenario("members", "update_profile")
def update_profile(of: Organization) -> Request:
    return Request("PATCH", f"members/{member(of).pk}", {"profile": {"title": "Keeper"}})


@scenario("organizations", "update")
def update_organization(of: Organization) -> Request:
    return Request("PATCH", f"organizations/{of.pk}", {**REASON, "name": "Plumage", "industry": "media"})


@scenario("roles", "create")
def create_role(of: Organization) -> Request:
    return Request("POST", "roles", {**REASON, "organization": str(of.pk), "name": "Night shift", "permissions": []})


@scenario("roles", "update")
def update_role(of: Organization) -> Request:
    return Request("PATCH", f"roles/{role(of).pk}", {**REASON, "name": "Day shift"})


@scenario("roles", "delete")
def delete_role(of: Organization) -> Request:
    return Request("DELETE", f"roles/{role(of).pk}")
