"""One request to a server we do not trust: its address checked, its time bounded, no redirect followed.

``httpcore`` is used without the client above it: it follows no redirect, reads no proxy from the environment, and lets
us open the connection ourselves.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from ops_console.outbound.addresses import Resolver, Target, addresses_of

logger = logging.getLogger(__name__)
# Its debug lines hold query strings and headers.
logging.getLogger("httpcore").setLevel(logging.INFO)

# Addresses of one name that are tried.
MAX_ADDRESSES = 4


@dataclass(frozen=True)
class Transport:
    """How one request is made; ``deadline`` is by ``time.monotonic``."""

    resolve: Resolver
    deadline: float
    # The authorities trusted for TLS; the usual ones without.
    ssl_context: ssl.SSLContext | None = None

    @contextmanager
    def request(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes = b""
    ) -> Iterator[httpcore.Response]:
        """Send it and give the answer, its body still unread.

        Raises:
            Refused: the address guard does not let it go there.
            Exception: it failed; ``reason_of`` says it in a sentence.
        """
        own = {"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"}
        if body or method != "GET":
            own["Content-Length"] = str(len(body))
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=list((own | dict(headers)).items()),
            content=body,
        )
        # A pool of its own for each call: a kept connection would outlive the check of its address.
        backend = GuardedBackend(target, self.resolve, self.deadline)
        with httpcore.ConnectionPool(
            ssl_context=self.ssl_context or _usual_ssl_context(), max_connections=1, network_backend=backend
        ) as pool:
            response = pool.handle_request(request)
            try:
                yield response
            finally:
                response.close()


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
    """A stream on which every step ends by one common deadline: a server that drips bytes gains no time."""

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


def reason_of(error: Exception, whose: str = "server") -> str:
    """Why a request failed, without a word of what the other side sent: it must not choose what our log says."""
    if isinstance(error, (httpcore.TimeoutException, TimeoutError)):
        return f"The {whose} did not answer in time."
    if isinstance(error, (httpcore.ProtocolError, httpcore.ReadError, httpcore.WriteError)):
        return f"The {whose} broke the connection, or its answer was not HTTP."
    if isinstance(error, (httpcore.ConnectError, OSError)):
        return f"No connection: {error}"
    logger.error("outbound.unexpected", extra={"error": type(error).__name__})
    return f"The call failed: {type(error).__name__}."


@lru_cache(maxsize=1)
def _usual_ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.TimeoutException
    return left
