from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from ops_console.outbox.api import WebhookSecretView, WebhookViewSet

resource_urlpatterns = [
    path("webhook-secret", WebhookSecretView.as_view({"get": "retrieve", "post": "rotate"})),
]


def register(router: SimpleRouter) -> None:
    router.register("webhooks", WebhookViewSet, basename="webhooks")
