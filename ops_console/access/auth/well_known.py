"""What others find us by: the key set (RFC 7517) and the server's metadata (RFC 8414)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ops_console.access.services import signing_keys
from ops_console.formats import to_json


@require_safe
def key_set(request: HttpRequest) -> HttpResponse:
    return published(signing_keys.key_set(), "application/jwk-set+json")


@require_safe
def metadata(request: HttpRequest) -> HttpResponse:
    url = settings.PUBLIC_URL
    return published(
        {
            "issuer": url,
            "jwks_uri": f"{url}/.well-known/jwks.json",
            "token_endpoint": f"{url}/auth/token/refresh",
            "token_endpoint_auth_methods_supported": ["none"],
            # Signing in itself is no OAuth: the endpoints below /auth are in service_documentation.
            "response_types_supported": [],
            "grant_types_supported": ["refresh_token"],
            "service_documentation": f"{url}/api/docs/",
        },
        "application/json",
    )


def published(content: Any, content_type: str) -> HttpResponse:
    max_age = int(signing_keys.CACHE_PERIOD.total_seconds())
    headers = {"Cache-Control": f"public, max-age={max_age}", "Access-Control-Allow-Origin": "*"}
    return HttpResponse(to_json(content), content_type=content_type, headers=headers)
