"""The pictures that signed addresses lead to."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns.heatmaps import screenshots
from ops_console.errors import NotFound


@require_safe
def screenshot(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the address may see it, while it is good."""
    try:
        image = screenshots.read(token)
    except NotFound as error:
        raise Http404 from error
    response = HttpResponse(image, content_type="image/png")
    response["Cache-Control"] = f"private, max-age={settings.SCREENSHOT_URL_S}"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
