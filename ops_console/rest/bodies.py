"""Request bodies at the WSGI boundary: Django wants a length, and granian wants bodies read to their end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.wsgi import LimitedStream

from ops_console.rest.client_address import is_trusted_proxy

WSGIApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
# What is read of a body without a length; one that is longer is announced as such and refused.
MAX_UNMEASURED_BYTES = 1024 * 1024
# What is read and dropped of a body nobody wants, so that its sender sees the answer and no broken connection.
MAX_DROPPED_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class Bodies:
    """Gives a body without Content-Length its length, and reads what the application left unread."""

    def __init__(self, app: WSGIApp) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        _set_scheme(environ)
        source = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH", "")
        if not length and _has_body(environ):
            _measure(environ)
            return self.app(environ, start_response)
        body = LimitedStream(source, int(length) if length.isascii() and length.isdigit() else 0)
        environ["wsgi.input"] = body
        answer = self.app(environ, start_response)
        drop(body)
        return answer


def drop(body: Any) -> None:
    """Read a body to its end, or as far as is reasonable."""
    dropped = 0
    while dropped < MAX_DROPPED_BYTES and (chunk := body.read(CHUNK_BYTES)):
        dropped += len(chunk)


def _has_body(environ: dict[str, Any]) -> bool:
    if environ.get("REQUEST_METHOD") in ("GET", "HEAD"):
        return False
    return "HTTP_TRANSFER_ENCODING" in environ or not environ.get("SERVER_PROTOCOL", "").startswith("HTTP/1")


def _measure(environ: dict[str, Any]) -> None:
    source, body = environ["wsgi.input"], io.BytesIO()
    while body.tell() <= MAX_UNMEASURED_BYTES and (chunk := source.read(CHUNK_BYTES)):
        body.write(chunk)
    environ["CONTENT_LENGTH"] = str(body.tell())
    if body.tell() > MAX_UNMEASURED_BYTES:
        # More than anything takes: the rest of it is lost.
        environ["CONTENT_LENGTH"] = str(MAX_DROPPED_BYTES + 1)
        drop(source)
    body.seek(0)
    environ["wsgi.input"] = body


def _set_scheme(environ: dict[str, Any]) -> None:
    """Take the scheme from a trusted proxy, and from nobody else."""
    scheme = environ.get("HTTP_X_FORWARDED_PROTO")
    if scheme in ("http", "https") and is_trusted_proxy(environ.get("REMOTE_ADDR", "")):
        environ["wsgi.url_scheme"] = scheme
