"""The admin site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.apps import AppConfig
from django.contrib import admin
from django.core.checks import CheckMessage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from ops_console.access.auth import cookies
from ops_console.access.services import sessions
from ops_console.console import dashboard

View = Callable[..., HttpResponseBase]


class ConsoleSite(UnfoldAdminSite):
    """The theme's site, with the dashboard on its first page.

    Pages are found when first asked for: most processes have none, and all of them import half of the product.
    """

    enable_nav_sidebar = True

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        admin.autodiscover()
        return super().urls

    def check(self, app_configs: Sequence[AppConfig] | None) -> list[CheckMessage]:
        admin.autodiscover()
        return super().check(app_configs)

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

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        wanted = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        own = {"sign_in_url": f"{reverse('signin')}?{urlencode({'next': wanted})}"}
        return super().login(request, {**(extra_context or {}), **own})

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Leave the sign-in page's session as well: who leaves the console leaves this browser."""
        response = super().logout(request, extra_context)
        if request.method == "POST":
            sessions.sign_out(refresh_token=cookies.refresh_token(request), now=timezone.now())
            cookies.drop(response)
        return response

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The theme's search fails on a page that is no number; nobody has a second page of menu entries."""
        if "page" in request.GET:
            raise Http404
        return super().search(request, extra_context)
