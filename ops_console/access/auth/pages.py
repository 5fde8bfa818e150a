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


@never_cache
@require_safe
def sign_in_page(request: HttpRequest) -> HttpResponse:
    token = cookies.refresh_token(request)
    is_signed_in = bool(token) and sessions.find(refresh_token=token, now=timezone.now()) is not None
    values = {
        "is_signed_in": is_signed_in,
        "next": own_path(request.GET.get("next", "")),
        "public_url": settings.PUBLIC_URL,
        "console_url": reverse("admin:index"),
    }
    return render(request, "signin.html", values)


def own_path(path: str) -> str:
    """The path, if it is one of this installation; else none."""
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""
