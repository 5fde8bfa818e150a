"""The admin site."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from unfold.sites import UnfoldAdminSite

from ops_console.console import dashboard

View = Callable[..., HttpResponseBase]


class ConsoleSite(UnfoldAdminSite):
    """The theme's site, with the dashboard on its first page."""

    enable_nav_sidebar = True

    def admin_view(self, view: View, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # PostgreSQL takes no NUL, and the admin looks for what it is given.
            if "%00" in request.META.get("QUERY_STRING", ""):
                return HttpResponseRedirect(request.path)
            return inner(request, *args, **kwargs)

        return guarded

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**(extra_context or {}), "title": "Dashboard", **dashboard.context(request)})

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The theme's search fails on a page that is no number; nobody has a second page of menu entries."""
        if "page" in request.GET:
            raise Http404
        return super().search(request, extra_context)
