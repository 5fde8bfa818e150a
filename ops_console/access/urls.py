"""Below /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from ops_console.access.api.credentials import CredentialViewSet
from ops_console.access.api.keys import ApiKeyViewSet, ServiceKeyViewSet
from ops_console.access.api.sso_providers import SsoProviderViewSet


def register(router: SimpleRouter) -> None:
    router.register("credentials", CredentialViewSet, basename="credentials")
    router.register("api-keys", ApiKeyViewSet, basename="api-keys")
    router.register("service-keys", ServiceKeyViewSet, basename="service-keys")
    router.register("sso-providers", SsoProviderViewSet, basename="sso-providers")
