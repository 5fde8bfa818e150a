from __future__ import annotations

from django.urls import path

from ops_console.observability import views

urlpatterns = [
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.prometheus),
]
