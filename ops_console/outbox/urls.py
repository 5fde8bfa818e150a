from __future__ import annotations

from rest_framework.routers import SimpleRouter

from ops_console.outbox.api import WebhookSecretViewSet, WebhookViewSet


def register(router: SimpleRouter) -> None:
    router.register("webhooks", WebhookViewSet, basename="webhooks")
    router.register("webhook-secret", WebhookSecretViewSet, basename="webhook-secret")
