"""The cookie that keeps a browser's refresh token where scripts cannot read it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ops_console.errors import Forbidden


def name() -> str:
    # Browsers take a name that begins so only from this very host, over TLS.
    return "__Host-refresh" if settings.IS_HTTPS else "refresh"


def refresh_token(request: HttpRequest) -> str:
    return request.COOKIES.get(name(), "")


def keep(response: HttpResponse, token: str) -> None:
    response.set_cookie(
        name(),
        token,
        max_age=timedelta(days=settings.SESSION_DAYS),
        secure=settings.IS_HTTPS,
        httponly=True,
        # Links from elsewhere may lead in; requests that change something never come from elsewhere.
        samesite="Lax",
    )


def drop(response: HttpResponse) -> None:
    response.delete_cookie(name(), samesite="Lax")


def require_own_page(request: HttpRequest) -> None:
    """Refuse what another site's page sends: browsers name the origin of every POST.

    Raises:
        Forbidden: the origin is another, or none.
    """
    own = urlsplit(settings.PUBLIC_URL)
    if request.META.get("HTTP_ORIGIN") != f"{own.scheme}://{own.netloc}":
        raise Forbidden(f"Cookies are for pages of {settings.PUBLIC_URL} alone.")
