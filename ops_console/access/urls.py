"""Below /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from ops_console.access.api import CredentialViewSet


def register(router: SimpleRouter) -> None:
    router.register("credentials", CredentialViewSet, basename="credentials")
