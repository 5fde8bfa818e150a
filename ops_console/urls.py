"""Where every address leads.

An app's ``urls.py`` may hold three things:

- ``urlpatterns``: its endpoints below ``/pigeon/v1/<account>/``, each a ``rest.views.AccountAPIView``, with relative
  paths and snake_case parameters: ``path("messages/<str:msg_id>", MessageView.as_view())``;
- ``register(router)``: its resources below ``/api/v1/``, each a ``rest.views.ResourceViewSet``:
  ``router.register("messages", MessageViewSet, basename="messages")``;
- ``resource_urlpatterns``: below ``/api/v1/`` too, for what there is one of, each a ``rest.views.ResourceView``:
  ``path("webhook-secret", WebhookSecretView.as_view({"get": "retrieve", "post": "rotate"}))``.

No path ends in a slash. An app is added to ``PIGEON`` or ``RESOURCES`` below.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from rest_framework.routers import SimpleRouter

from ops_console.rest.docs import DocsView, SchemaView

PIGEON = ("messages", "couriers")
RESOURCES = (
    "messages",
    "couriers",
    "campaigns",
    "ops_console.ledger",
    "ops_console.organizations",
    "ops_console.access",
    "ops_console.outbox",
    "ops_console.audit",
)


def pigeon_urls() -> list[Any]:
    return [pattern for app in PIGEON for pattern in import_module(f"{app}.urls").urlpatterns]


def resource_urls() -> list[URLPattern | URLResolver]:
    router = SimpleRouter(trailing_slash=False)
    singles: list[URLPattern | URLResolver] = []
    for app in RESOURCES:
        urls = import_module(f"{app}.urls")
        singles += getattr(urls, "resource_urlpatterns", [])
        if hasattr(urls, "register"):
            urls.register(router)
    return [*singles, *router.urls]


urlpatterns: list[URLPattern | URLResolver] = [
    path("pigeon/v1/<str:account>/", include(pigeon_urls())),
    path("api/v1/", include(resource_urls())),
    path("", include("ops_console.access.auth.urls")),
    path("", include("ops_console.frontend.urls")),
    path("", include("campaigns.heatmaps.urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(), name="docs"),
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("", include("ops_console.observability.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
