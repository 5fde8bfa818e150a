"""The admin site."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from unfold.sites import UnfoldAdminSite

from ops_console.console import dashboard


class ConsoleSite(UnfoldAdminSite):
    """The theme's site, with the dashboard on its first page."""

    enable_nav_sidebar = True

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**(extra_context or {}), "title": "Dashboard", **dashboard.context(request)})

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The theme's search fails on a page that is no number; nobody has a second page of menu entries."""
        if "page" in request.GET:
            raise Http404
        return super().search(request, extra_context)
