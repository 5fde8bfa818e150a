"""/signin: the page for members and staff, and where the links of invitations end."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ops_console.access.auth import cookies
from ops_console.access.services import sessions
from ops_console.access.sso import refusals


@never_cache
@require_safe
def sign_in_page(request: HttpRequest) -> HttpResponse:
    path, console_url = own_path(request.GET.get("next", "")), reverse("admin:index")
    is_in_console = request.user.is_authenticated and request.user.is_staff
    values = {
        # A console session comes from a code or passkey alone, and may end before the session here does.
        "is_signed_in": is_signed_in(request) and (is_in_console or not path.startswith(console_url)),
        "is_in_console": is_in_console,
        "next": path,
        # What came of a sign-in at a provider.
        "problem": refusals.sentence(request.GET.get("problem", "")),
        "public_url": settings.PUBLIC_URL,
        "console_url": console_url,
    }
    return render(request, "signin.html", values)


def is_signed_in(request: HttpRequest) -> bool:
    token = cookies.refresh_token(request)
    return bool(token) and sessions.find(refresh_token=token, now=timezone.now()) is not None


def own_path(path: str) -> str:
    """The path, if it is one of this installation; else none."""
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""
