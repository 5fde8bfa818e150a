"""A small HTTP load generator: a few kept connections, each sending its next request when the last is answered."""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from statistics import quantiles

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
LAST_CHUNK = b"0\r\n\r\n"


class NotOk(Exception):
    """An answer was not 2xx: a figure of failures would be worth nothing."""


@dataclass
class Measured:
    """Answers a second, and how long single ones took in milliseconds."""

    elapsed_s: float
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return len(self.latencies_ms) / self.elapsed_s

    @property
    def p50_ms(self) -> float:
        return quantiles(self.latencies_ms, n=100)[49]

    @property
    def p95_ms(self) -> float:
        return quantiles(self.latencies_ms, n=100)[94]


class Connection:
    """One kept connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.buffer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Read what is there; whether the answer is whole.

        Raises:
            NotOk: it is not 2xx.
        """
        self.buffer += self.socket.recv(65536)
        head, found, body = self.buffer.partition(END_OF_HEAD)
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 2"):
            raise NotOk(self.buffer[:500].decode(errors="replace"))
        _, has_length, rest = head.lower().partition(LENGTH)
        if not has_length:
            return body.endswith(LAST_CHUNK)
        return len(body) >= int(rest.split(b"\r\n", 1)[0])


def request(
    method: str, path: str, *, authorization: str = "", body: bytes = b"", content_type: str = "application/json"
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def measure(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float = math.inf,
    connect: Callable[[int], Connection] = Connection,
) -> Measured:
    """Send requests over the connections for that long, or until there are no more.

    Raises:
        NotOk: at the first answer that is not 2xx.
    """
    selector = selectors.DefaultSelector()
    start = time.perf_counter()
    end, measured = start + seconds, Measured(elapsed_s=seconds)
    under_way = 0
    for asked in islice(requests, connections):
        connection = connect(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(asked)
        under_way += 1
    while under_way:
        for key, _ in selector.select():
            connection = key.data
            if not connection.is_answered():
                continue
            now = time.perf_counter()
            measured.latencies_ms.append((now - connection.sent_at) * 1000)
            following = next(requests, None) if now < end else None
            if following is not None:
                connection.send(following)
            else:
                selector.unregister(connection.socket)
                connection.socket.close()
                under_way -= 1
    measured.elapsed_s = time.perf_counter() - start
    return measured
