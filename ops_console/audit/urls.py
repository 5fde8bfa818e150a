"""Below /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from ops_console.audit.api import AuditViewSet


def register(router: SimpleRouter) -> None:
    router.register("audit", AuditViewSet, basename="audit")
