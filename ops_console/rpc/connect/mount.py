"""Where calls leave the way to Django: WSGI that sends the paths of ``pidgr.v1`` to connectrpc."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from ops_console.rest.bodies import CHUNK_BYTES, MAX_DROPPED_BYTES
from ops_console.rest.client_address import client_address
from ops_console.rpc.connect.application import ASTRAY, ASTRAY_STREAM, Application, current
from ops_console.rpc.methods import MEBIBYTE
from ops_console.rpc.pipeline import HEADERS, Exchange
from ops_console.rpc.routes import PACKAGE, Route, routes
from ops_console.rpc.statuses import Code

WSGIApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
Environ = dict[str, Any]
PREFIX = f"/{PACKAGE}."
KEYS = {name: f"HTTP_{name.replace('-', '_').upper()}" for name in HEADERS}
NATIVE = "application/grpc"
ELSEWHERE = "Native gRPC is served on a port of its own: see GRPC_PORT."


class ConnectMount:
    """Serves what is below ``/pidgr.v1.``, and gives everything else to the next application."""

    def __init__(self, other: WSGIApp) -> None:
        self.other = other
        self.routes = routes()
        by_size: dict[int, list[Route]] = defaultdict(list)
        for route in self.routes.values():
            by_size[route.method.max_bytes].append(route)
        self.applications = {size: Application(found, size) for size, found in by_size.items()}

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self.other(environ, start_response)
        route = self.routes.get(path)
        exchange = Exchange(
            route, protocol=_protocol(environ), headers=_headers(environ), address=client_address(environ)
        )
        body = environ["wsgi.input"] = _Body(environ["wsgi.input"], _length(environ))
        if _is_astray(environ, route):
            environ["PATH_INFO"] = ASTRAY_STREAM if _is_stream(environ) else ASTRAY
        head = _Head(start_response, exchange)
        application = self.applications[route.method.max_bytes if route else MEBIBYTE]
        token = current.set(exchange)
        try:
            answer = (_refuse_native if _is_native(environ) else application)(environ, head)
            body.drop()
        except BaseException:
            exchange.end(code=Code.INTERNAL)
            raise
        finally:
            current.reset(token)
        if isinstance(answer, list):
            exchange.end(code=head.code)
            return answer
        return _Stream(answer, exchange)


class _Head:
    """Adds the exchange's headers to the answer's, and says 413 where connectrpc says 429 of a body's size."""

    def __init__(self, start_response: Any, exchange: Exchange) -> None:
        self.start_response = start_response
        self.exchange = exchange
        self.code = Code.UNKNOWN

    def __call__(self, status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        ours = self.exchange.reply_headers
        if status.startswith("429") and "retry-after" not in ours:
            status = "413 Content Too Large"
        if status.startswith("4"):
            self.code = Code.INVALID_ARGUMENT
        return self.start_response(status, [*headers, *ours.items()], *rest)


class _Body:
    """A request's body. What nobody wants of it is read all the same, else its sender would see a broken connection.

    Beyond its ``length``, where that is told, nothing is read: servers may wait for more there (PEP 3333).
    """

    def __init__(self, source: Any, length: int | None) -> None:
        self.source = source
        self.end = LONGEST_BODY if length is None else length
        self.n_read = 0

    def read(self, size: int = -1) -> bytes:
        left = min(self.end, LONGEST_BODY) - self.n_read
        chunk: bytes = self.source.read(left if size < 0 else min(size, left)) if left > 0 else b""
        self.n_read += len(chunk)
        return chunk

    def drop(self) -> None:
        while self.read(CHUNK_BYTES):
            pass


# No method takes more, and no more is dropped of one that is refused.
LONGEST_BODY = MAX_DROPPED_BYTES + MEBIBYTE


def _length(environ: Environ) -> int | None:
    text = environ.get("CONTENT_LENGTH") or ""
    return int(text) if text.isdecimal() else None


def _headers(environ: Environ) -> dict[str, str]:
    return {name: environ[key] for name, key in KEYS.items() if key in environ}


def _protocol(environ: Environ) -> str:
    content_type = environ.get("CONTENT_TYPE", "")
    return "grpc-web" if content_type.startswith("application/grpc-web") else "connect"


def _is_stream(environ: Environ) -> bool:
    """Whether the form is Connect's for streams; gRPC-Web has one for all."""
    return bool(environ.get("CONTENT_TYPE", "").startswith("application/connect+"))


def _is_astray(environ: Environ, route: Route | None) -> bool:
    return route is None or (_protocol(environ) == "connect" and route.streams != _is_stream(environ))


def _is_native(environ: Environ) -> bool:
    content_type = environ.get("CONTENT_TYPE", "")
    return bool(content_type == NATIVE or content_type.startswith(f"{NATIVE}+"))


def _refuse_native(environ: Environ, start_response: Any) -> list[bytes]:
    current.get().code = Code.UNIMPLEMENTED
    status = [("grpc-status", str(Code.UNIMPLEMENTED.value)), ("grpc-message", quote(ELSEWHERE))]
    start_response("200 OK", [("content-type", environ["CONTENT_TYPE"]), *status])
    return []


class _Stream:
    """A streamed answer, which ends the exchange however it ends itself."""

    def __init__(self, answer: Iterable[bytes], exchange: Exchange) -> None:
        self.answer = iter(answer)
        self.exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = current.set(self.exchange)
        try:
            return next(self.answer)
        except BaseException:
            self.exchange.end()
            raise
        finally:
            current.reset(token)

    def close(self) -> None:
        if isinstance(self.answer, Generator):
            self.answer.close()
        self.exchange.end()
