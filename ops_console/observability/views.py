"""Health, readiness and figures, for probes and Prometheus."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from ops_console.observability import metrics, readiness


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process is up. Asks nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Say what works; 503 when requests cannot be served, and with ``?all=1`` when anything at all is broken."""
    checks = readiness.checks()
    is_ready = all(checks[name] for name in readiness.REQUIRED)
    is_whole = all(checks.values())
    wants_all = request.GET.get("all") == "1"
    status = "ok" if is_whole else "degraded" if is_ready else "unavailable"
    body = {"status": status, "checks": {name: "ok" if fine else _word(name) for name, fine in checks.items()}}
    return JsonResponse(body, status=200 if is_whole or (is_ready and not wants_all) else 503)


@require_safe
@never_cache
def prometheus(request: HttpRequest) -> HttpResponse:
    """Give the figures to who knows the token; to anybody else there is nothing here."""
    given = request.META.get("HTTP_AUTHORIZATION", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if not settings.METRICS_TOKEN or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Http404
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def _word(name: str) -> str:
    return "failed" if name in readiness.REQUIRED else "degraded"
