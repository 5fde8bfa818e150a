"""Which pages of other origins may call us from a browser: those of ``CORS_ALLOWED_ORIGINS``.

Callers show a bearer credential, so cookies are never let across.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

WSGIApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
Headers = list[tuple[str, str]]

# RPC, sign-in and the operations API; account holders call the Pigeon Protocol from servers.
PATHS = ("/pidgr.v1.", "/auth/", "/api/v1/")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SENT = (
    "authorization",
    "connect-accept-encoding",
    "connect-content-encoding",
    "connect-protocol-version",
    "connect-timeout-ms",
    "content-encoding",
    "content-type",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "idempotency-key",
    "if-match",
    "x-grpc-web",
    "x-request-id",
    "x-user-agent",
)
EXPOSED = (
    "connect-content-encoding",
    "etag",
    "grpc-encoding",
    "grpc-message",
    "grpc-status",
    "grpc-status-details-bin",
    "idempotency-replayed",
    "location",
    "retry-after",
    "x-request-id",
)
# Chromium remembers a preflight's answer no longer.
MAX_AGE_S = 7200


def is_origin(text: str) -> bool:
    """Whether the text is an origin as browsers send it, or ``*`` for any."""
    parts = urlsplit(text)
    return text == "*" or (parts.scheme in ("http", "https") and text == f"{parts.scheme}://{parts.netloc}")


class Cors:
    """Answers preflights, and names the origin in answers that its pages may read."""

    def __init__(self, app: WSGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self.origins = frozenset(origins)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(PATHS):
            return self.app(environ, start_response)
        headers = self._headers(environ.get("HTTP_ORIGIN", ""))
        if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            return _answer_preflight(headers, start_response)

        def start(status: str, own: Headers, *rest: Any) -> Any:
            return start_response(status, [*own, *headers], *rest)

        return self.app(environ, start)

    def _headers(self, origin: str) -> Headers:
        """What goes into the answer to that origin."""
        vary = ("vary", "Origin")
        if not origin or not self.origins & {origin, "*"}:
            return [vary]
        exposed = ("access-control-expose-headers", ", ".join(EXPOSED))
        return [vary, ("access-control-allow-origin", origin), exposed]


def _answer_preflight(headers: Headers, start_response: Any) -> list[bytes]:
    is_allowed = any(name == "access-control-allow-origin" for name, _ in headers)
    if is_allowed:
        headers = [
            *headers,
            ("access-control-allow-methods", ", ".join(METHODS)),
            ("access-control-allow-headers", ", ".join(SENT)),
            ("access-control-max-age", str(MAX_AGE_S)),
        ]
    start_response("204 No Content" if is_allowed else "403 Forbidden", headers)
    return []
