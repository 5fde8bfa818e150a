"""Apple's push service on loopback: HTTP/2 over TLS, answering for each device as it is told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.settings import SettingCodes

from campaigns.push_keys import pem_of

TEAM, KEY, TOPIC = "TEAM123456", "KEY1234567", "example.loft.app"
PATH = "/3/device/"


@dataclass(frozen=True)
class Says:
    status: int = 200
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


UNREGISTERED = Says(410, "Unregistered")
HANG, DROP = object(), object()


@dataclass(frozen=True)
class Pushed:
    headers: Mapping[str, str]
    payload: Mapping[str, Any]


@cache
def private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def signing_key() -> dict[str, str]:
    return {"team_id": TEAM, "key_id": KEY, "topic": TOPIC, "private_key": pem_of(private_key())}


class FakeApns:
    """``devices`` holds, for each device token, what is said to its next pushes; then all goes well."""

    def __init__(self, context: ssl.SSLContext, *, max_streams: int = 100) -> None:
        self.devices: dict[str, deque[object]] = defaultdict(deque)
        # What each device was sent, in the order it came.
        self.pushed: dict[str, list[Pushed]] = defaultdict(list)
        # Provider tokens seen.
        self.tokens: set[str] = set()
        self.stale: set[str] = set()
        self.n_connections = 0
        # So many of the first connections are read no more.
        self.n_deaf = 0
        self._stopped = threading.Event()
        self.max_streams = max_streams
        context.set_alpn_protocols(["h2"])
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        # Closing alone does not wake the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            with suppress(OSError):
                connection.close()

    def wait_for_stop(self) -> None:
        self._stopped.wait()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> object:
        """What is said to a push."""
        token = headers["authorization"].removeprefix("bearer ")
        refusal = self._check(token, headers)
        if refusal is not None:
            return refusal
        self.tokens.add(token)
        device = path.removeprefix(PATH)
        self.pushed[device].append(Pushed(headers, json.loads(body)))
        script = self.devices[device]
        return script.popleft() if script else Says(headers={"apns-id": str(uuid4()).upper()})

    def _check(self, token: str, headers: Mapping[str, str]) -> Says | None:
        if token in self.stale:
            return Says(403, "ExpiredProviderToken")
        try:
            assert jwt.get_unverified_header(token)["kid"] == KEY
            jwt.decode(
                token,
                private_key().public_key(),
                algorithms=["ES256"],
                issuer=TEAM,
                options={"verify_iat": False, "require": ["iat"]},
            )
        except jwt.InvalidTokenError:
            return Says(403, "InvalidProviderToken")
        return None if headers["apns-topic"] == TOPIC else Says(400, "TopicDisallowed")

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError):
            secured = self._context.wrap_socket(plain, server_side=True)
            self._open.append(secured)
            self.n_connections += 1
            assert secured.selected_alpn_protocol() == "h2"
            Talk(self, secured, self.n_connections).run()
            secured.close()


class Talk:
    """One connection."""

    def __init__(self, fake: FakeApns, secured: ssl.SSLSocket, number: int) -> None:
        self.fake = fake
        self.number = number
        self.socket = secured
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = fake.max_streams
        self.requests: dict[int, tuple[dict[str, str], bytearray]] = {}

    def run(self) -> None:
        self.h2.initiate_connection()
        self.socket.sendall(self.h2.data_to_send())
        while data := self.socket.recv(65536):
            if self.number <= self.fake.n_deaf:
                self.fake.wait_for_stop()
                return
            for event in self.h2.receive_data(data):
                if not self.handle(event):
                    return
            self.socket.sendall(self.h2.data_to_send())

    def handle(self, event: object) -> bool:
        """False to close the connection at once."""
        if isinstance(event, RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers}
            self.requests[event.stream_id] = (headers, bytearray())
        elif isinstance(event, DataReceived):
            self.requests[event.stream_id][1].extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            headers, body = self.requests.pop(event.stream_id)
            told = self.fake.take(headers[":path"], headers, bytes(body))
            if isinstance(told, Says):
                self.answer(event.stream_id, told)
            return told is not DROP
        return True

    def answer(self, stream_id: int, says: Says) -> None:
        body = json.dumps({"reason": says.reason}).encode() if says.reason else b""
        self.h2.send_headers(stream_id, [(":status", str(says.status)), *says.headers.items()], end_stream=not body)
        if body:
            self.h2.send_data(stream_id, body, end_stream=True)


@contextmanager
def faking_apns(context: ssl.SSLContext, **options: Any) -> Iterator[FakeApns]:
    fake = FakeApns(context, **options)
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()
