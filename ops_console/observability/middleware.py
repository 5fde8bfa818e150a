"""One log line and one measurement per request, and its id on everything that is logged meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ops_console.observability import logs, metrics
from ops_console.observability.request_ids import request_id_of

logger = logging.getLogger("ops_console.request")
# Probes ask every few seconds; only what goes wrong with them is worth a line.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """Stands first, so that it sees every answer. The query string and headers are never logged."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        identity = request_id_of(request.META)
        token = logs.request_id.set(identity)
        try:
            return self._answer(request, identity, started)
        finally:
            logs.request_id.reset(token)

    def _answer(self, request: HttpRequest, identity: str, started: float) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers["X-Request-Id"] = identity
        elapsed_s = time.perf_counter() - started
        metrics.observe(request, response.status_code, elapsed_s)
        if request.path_info not in PROBES or response.status_code >= 500:
            logger.info("request", extra=_fields(request, response.status_code, elapsed_s))
        return response


def _fields(request: HttpRequest, status: int, elapsed_s: float) -> dict[str, Any]:
    actor = getattr(getattr(request, "auth", None), "actor", None)
    return {
        "method": request.method,
        "path": request.path_info,
        "status": status,
        "duration_ms": round(elapsed_s * 1000, 2),
        "organization": _text(getattr(actor, "organization_id", None)),
        "account": _text(getattr(actor, "account_id", None)),
        "actor": getattr(actor, "label", None),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
