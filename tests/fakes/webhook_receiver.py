"""A receiver of webhooks on loopback, over HTTP or HTTPS, that answers as it is told."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thanks"
    # Seconds before it is sent.
    after_s: float = 0.0
    # What must have happened before it is sent.
    once: threading.Event | None = None


@dataclass(frozen=True)
class Received:
    path: str
    headers: Message
    body: bytes
    method: str = "POST"


class Hang:
    """Take the request and answer nothing until the receiver stops, or the caller has long lost patience."""


class Drop:
    """Take the request and close the connection."""


class Garbage:
    """Answer something that is not HTTP."""


class Drip:
    """Send the answer's first lines as long as ``Hang`` would say nothing, a byte at a time."""


class Flood:
    """Answer 200 with a body longer than anybody should read."""

    # Far more than lies between two programs on its way.
    N_BYTES = 256 * 1024 * 1024


Behaviour = Answer | Hang | Drop | Garbage | Drip | Flood
# How long the receiver lets a caller wait that does not lose patience.
LONG_S = 60.0


class WebhookReceiver:
    """Plays ``script`` one request after the other, then ``otherwise`` for all that follow."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None, otherwise: Behaviour | None = None) -> None:
        self.script: deque[Behaviour] = deque()
        self.otherwise: Behaviour = otherwise or Answer()
        self.received: list[Received] = []
        self.n_connections = 0
        self.at_once = 0
        self.most_at_once = 0
        # Bytes of floods that the callers' side took.
        self.n_flooded = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._scheme = "https" if ssl_context else "http"
        self._server = Server(self, ssl_context)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def ids(self) -> list[str]:
        """The webhook-id of each request, in the order they came."""
        return [request.headers["webhook-id"] for request in self.received]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, request: Received) -> Behaviour:
        with self._lock:
            self.received.append(request)
            return self.script.popleft() if self.script else self.otherwise

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            with self._lock:
                self.at_once -= 1


@contextmanager
def receiving(
    ssl_context: ssl.SSLContext | None = None, otherwise: Behaviour | None = None
) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(ssl_context, otherwise)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, receiver: WebhookReceiver, ssl_context: ssl.SSLContext | None) -> None:
        self.receiver = receiver
        self._ssl_context = ssl_context
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self.receiver.n_connections += 1
        try:
            if self._ssl_context:
                request = self._ssl_context.wrap_socket(request, server_side=True)
        except OSError:
            self.shutdown_request(request)
            return
        super().process_request_thread(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news here."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.play(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self) -> None:
        self.play(b"")

    def do_DELETE(self) -> None:
        self.play(b"")

    def play(self, body: bytes) -> None:
        self.close_connection = True
        with self.server.receiver.counted():
            behaviour = self.server.receiver.take(Received(self.path, self.headers, body, self.command))
            if isinstance(behaviour, Answer):
                self.answer(behaviour)
            else:
                getattr(self, type(behaviour).__name__.lower())()

    def answer(self, answer: Answer) -> None:
        time.sleep(answer.after_s)
        if answer.once:
            answer.once.wait(LONG_S)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def hang(self) -> None:
        self.server.receiver.closing.wait(LONG_S)

    def drop(self) -> None:
        pass

    def garbage(self) -> None:
        self.wfile.write(b"SSH-2.0 whsec_not-yours\r\n\r\n")

    def drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(int(LONG_S / 0.05)):
            if self.server.receiver.closing.wait(0.05):
                return
            self.wfile.write(b"x")

    def flood(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        receiver, part = self.server.receiver, b"x" * 65536
        while receiver.n_flooded < Flood.N_BYTES:
            self.wfile.write(part)
            receiver.n_flooded += len(part)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass
