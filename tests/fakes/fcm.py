"""Google's token endpoint and FCM's HTTP v1 on loopback, answering for each device as it is told."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from campaigns.push_keys import pem_of

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
PROJECT = "loft-42"
EMAIL = "pusher@loft-42.iam.gserviceaccount.example"
# How long a device that is told to hang lets its caller wait.
LONG_S = 60.0


@dataclass(frozen=True)
class Says:
    """An answer; its body is FCM's for the status and code."""

    status: int = 200
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    details: tuple[Mapping[str, Any], ...] = ()

    def body(self) -> dict[str, Any]:
        if self.status == 200:
            return {"name": f"projects/{PROJECT}/messages/{uuid4().hex}"}
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details = [{"@type": kind, "errorCode": self.code}] if self.code else []
        error = {"code": self.status, "message": "No.", "status": self.code, "details": [*details, *self.details]}
        return {"error": error}


UNREGISTERED = Says(404, "UNREGISTERED")
HANG, DROP = object(), object()


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def service_account() -> dict[str, str]:
    """As Google's console gives it out; its token address is a trap."""
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "key-1",
        "private_key": pem_of(private_key()),
        "client_email": EMAIL,
        "token_uri": "http://127.0.0.1:9/trap",
    }


class FakeFcm:
    """``devices`` holds, for each registration token, what is said to its next pushes; then all goes well."""

    def __init__(self) -> None:
        self.devices: dict[str, deque[object]] = defaultdict(deque)
        # The messages of each device, in the order they came.
        self.pushed: dict[str, list[dict[str, Any]]] = defaultdict(list)
        # What the next requests for an access token are told.
        self.grants: deque[object] = deque()
        self.claims: list[dict[str, Any]] = []
        self.n_connections = 0
        self.at_once = self.most_at_once = 0
        self.delay_s = 0.0
        self.closing = threading.Event()
        self._good: set[str] = set()
        self._lock = threading.Lock()
        self._server = Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def revoke(self) -> None:
        """Forget every access token given out."""
        self._good.clear()

    def grant(self, form: Mapping[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """What the token endpoint says."""
        with self._lock:
            told = self.grants.popleft() if self.grants else None
        if isinstance(told, Says):
            return told.status, {"error": told.code}
        assert form["grant_type"] == [GRANT]
        try:
            claims = jwt.decode(
                form["assertion"][0],
                private_key().public_key(),
                algorithms=["RS256"],
                audience=self.token_url,
                issuer=EMAIL,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return 400, {"error": "invalid_grant"}
        assert claims["scope"] == SCOPE
        assert claims["exp"] - claims["iat"] <= 3600
        token = uuid4().hex
        with self._lock:
            self.claims.append(claims)
            self._good.add(token)
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def push(self, authorization: str, message: dict[str, Any]) -> object:
        """What is said to a push."""
        if authorization.removeprefix("Bearer ") not in self._good:
            return Says(401, "UNAUTHENTICATED")
        with self._lock:
            self.pushed[message["token"]].append(message)
            script = self.devices[message["token"]]
            return script.popleft() if script else Says()

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
def faking_fcm() -> Iterator[FakeFcm]:
    fake = FakeFcm()
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, fake: FakeFcm) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.fake.n_connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news here."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    # Else the answer's second packet waits for the caller's acknowledgement of the first.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fake = self.server.fake
        if self.path == "/token":
            self.answer(*fake.grant(parse_qs(body.decode())))
        elif self.path == f"/v1/projects/{PROJECT}/messages:send":
            with fake.counted():
                fake.closing.wait(fake.delay_s)
                self.obey(fake.push(self.headers["Authorization"], json.loads(body)["message"]))
        else:
            self.answer(404, {"error": {"code": 404, "status": "NOT_FOUND"}})

    def obey(self, told: object) -> None:
        if isinstance(told, Says):
            self.answer(told.status, told.body(), told.headers)
            return
        self.close_connection = True
        if told is HANG:
            self.server.fake.closing.wait(LONG_S)

    def answer(self, status: int, found: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass
