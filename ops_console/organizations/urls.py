"""Below /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from ops_console.organizations.api.organizations import OrganizationViewSet
from ops_console.organizations.api.people import PersonViewSet


def register(router: SimpleRouter) -> None:
    router.register("organizations", OrganizationViewSet, basename="organizations")
    router.register("people", PersonViewSet, basename="people")
