from __future__ import annotations

from django.urls import path

from ops_console.frontend import views

urlpatterns = [
    path("inbox", views.inbox_page, name="inbox"),
    path("inbox/worker.js", views.inbox_worker),
]
