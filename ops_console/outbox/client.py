"""One POST to a receiver we do not trust: its address checked, its time bounded, its answer dropped.

``httpcore`` is used without the client above it: it follows no redirect, reads no proxy from the environment, and lets
us open the connection ourselves.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from ops_console.outbox.addresses import Refused, Resolver, Target, addresses_of, parse, resolve_name

logger = logging.getLogger(__name__)
# Its debug lines hold query strings and headers.
logging.getLogger("httpcore").setLevel(logging.INFO)

# Seconds for a whole call: name, connection, TLS, request and answer.
CALL_TIMEOUT_S = 10.0
# Bytes of an answer's body that are read, so that an ordinary receiver sees its answer taken, and then thrown away.
MAX_BODY = 64 * 1024
# Addresses of one name that are tried.
MAX_ADDRESSES = 4
MAX_RETRY_AFTER_S = 3600


@dataclass(frozen=True)
class Reply:
    """What came of one call: a status code, or a sentence why there is none."""

    duration_ms: int
    status_code: int | None = None
    error: str = ""
    # Seconds the receiver asked us to wait.
    retry_after_s: int | None = None
    # The address guard stopped it.
    is_refused: bool = False
    # We never called: the fault is on our side.
    is_ours: bool = False


@dataclass(frozen=True)
class Caller:
    """How calls are made; tests give it another resolver and their own certificates."""

    resolve: Resolver = resolve_name
    ssl_context: ssl.SSLContext | None = None
    timeout_s: float = CALL_TIMEOUT_S

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Call once, within ``timeout_s`` whatever the other side does. Never raises."""
        started = time.monotonic()
        found: dict[str, Any] = {}
        try:
            response = self._send(parse(url), headers, body, started + self.timeout_s)
            found = {"status_code": response.status, "retry_after_s": _retry_after(response)}
        except Refused as refusal:
            found = {"error": str(refusal), "is_refused": True}
        except Exception as error:  # noqa: BLE001 - one bad receiver must not stop the others
            found = {"error": _sentence(error)[:300]}
        return Reply(duration_ms=round((time.monotonic() - started) * 1000), **found)

    def _send(self, target: Target, headers: Mapping[str, str], body: bytes, deadline: float) -> httpcore.Response:
        own = {
            "Host": target.authority,
            "Content-Length": str(len(body)),
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        request = httpcore.Request(
            "POST",
            httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=list((own | dict(headers)).items()),
            content=body,
        )
        # A pool of its own for each call: a kept connection would outlive the check of its address.
        backend = GuardedBackend(target, self.resolve, deadline)
        with httpcore.ConnectionPool(
            ssl_context=self.ssl_context or _system_ssl_context(), max_connections=1, network_backend=backend
        ) as pool:
            response = pool.handle_request(request)
            try:
                _drop_body(response)
            finally:
                response.close()
            return response


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves the name, checks every address, and connects to one that was checked."""

    def __init__(self, target: Target, resolve: Resolver, deadline: float) -> None:
        self._target = target
        self._resolve = resolve
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = addresses_of(self._target, self._resolve, _left(self._deadline))[:MAX_ADDRESSES]
        failure: Exception = httpcore.ConnectError("the name has no address")
        for n_tried, address in enumerate(addresses):
            # What is left is shared out, so that a dead first address leaves time for the next.
            share = _left(self._deadline) / (len(addresses) - n_tried)
            try:
                stream = self._sockets.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return DeadlineStream(stream, self._deadline)
        raise failure


class DeadlineStream(httpcore.NetworkStream):
    """A stream on which every step ends by one common deadline: a receiver that drips bytes gains no time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@lru_cache(maxsize=1)
def _system_ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.TimeoutException
    return left


def _drop_body(response: httpcore.Response) -> None:
    """Read a little of it; the status is what counts, so a body that breaks off or never ends is no failure."""
    n_read = 0
    try:
        for chunk in response.iter_stream():
            n_read += len(chunk)
            if n_read > MAX_BODY:
                return
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        logger.debug("webhook.body_cut")


def _retry_after(response: httpcore.Response) -> int | None:
    value = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
    return min(int(value), MAX_RETRY_AFTER_S) if value.isdigit() and len(value) < 10 else None


def _sentence(error: Exception) -> str:
    """Say it without a word of what the receiver sent: it must not choose what our log says."""
    if isinstance(error, (httpcore.TimeoutException, TimeoutError)):
        return "The receiver did not answer in time."
    if isinstance(error, (httpcore.ProtocolError, httpcore.ReadError, httpcore.WriteError)):
        return "The receiver broke the connection, or its answer was not HTTP."
    if isinstance(error, (httpcore.ConnectError, OSError)):
        return f"No connection: {error}"
    logger.error("webhook.unexpected", extra={"error": type(error).__name__})
    return f"The call failed: {type(error).__name__}."
