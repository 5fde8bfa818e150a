"""Where every address leads.

An app's ``urls.py`` may hold two things:

- ``urlpatterns``: its endpoints below ``/pigeon/v1/<account>/``, each a ``rest.views.AccountAPIView``, with relative
  paths and snake_case parameters: ``path("messages/<str:msg_id>", MessageView.as_view())``;
- ``register(router)``: its resources below ``/api/v1/``, each a ``rest.views.StaffViewSet``:
  ``router.register("messages", MessageViewSet, basename="messages")``.

No path ends in a slash. An app is added to ``PIGEON`` or ``STAFF`` below.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from ops_console.rest.docs import DocsView

PIGEON = ("messages", "couriers")
STAFF = (
    "messages",
    "couriers",
    "ops_console.ledger",
    "ops_console.organizations",
    "ops_console.access",
    "ops_console.outbox",
    "ops_console.audit",
)


def pigeon_urls() -> list[Any]:
    return [pattern for app in PIGEON for pattern in getattr(_urls(app), "urlpatterns", [])]


def staff_urls() -> list[URLPattern | URLResolver]:
    router = SimpleRouter(trailing_slash=False)
    for app in STAFF:
        register = getattr(_urls(app), "register", None)
        if register:
            register(router)
    return router.urls


def _urls(app: str) -> Any:
    return import_module(f"{app}.urls") if find_spec(f"{app}.urls") else None


urlpatterns: list[URLPattern | URLResolver] = [
    path("pigeon/v1/<str:account>/", include(pigeon_urls())),
    path("api/v1/", include(staff_urls())),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(), name="docs"),
    path("admin/", admin.site.urls),
    path("", include("ops_console.observability.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
