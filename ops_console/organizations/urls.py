"""Below /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from ops_console.organizations.api.members import MemberViewSet
from ops_console.organizations.api.organizations import OrganizationViewSet
from ops_console.organizations.api.people import PersonViewSet
from ops_console.organizations.api.roles import RoleViewSet
from ops_console.organizations.api.rosters import GroupViewSet, TeamViewSet


def register(router: SimpleRouter) -> None:
    router.register("organizations", OrganizationViewSet, basename="organizations")
    router.register("people", PersonViewSet, basename="people")
    router.register("members", MemberViewSet, basename="members")
    router.register("roles", RoleViewSet, basename="roles")
    router.register("teams", TeamViewSet, basename="teams")
    router.register("groups", GroupViewSet, basename="groups")
