"""The admin site."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from unfold.sites import UnfoldAdminSite

from ops_console.console import dashboard


class ConsoleSite(UnfoldAdminSite):
    """The theme's site, with the dashboard on its first page."""

    enable_nav_sidebar = True

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().index(request, {**(extra_context or {}), "title": "Dashboard", **dashboard.context(request)})

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The theme's search fails on a page that is no number; there is never a second page."""
        query = request.GET.copy()
        query.pop("page", None)
        request.GET = query
        return super().search(request, extra_context)
