"""One POST to a receiver we do not trust: its address checked, its time bounded, its answer dropped."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpcore

from ops_console.outbound.addresses import Refused, Resolver, parse, resolve_name
from ops_console.outbound.transport import Transport, reason_of
from ops_console.outbox.addresses import reach

logger = logging.getLogger(__name__)

# Seconds for a whole call: name, connection, TLS, request and answer.
CALL_TIMEOUT_S = 10.0
# Bytes of an answer's body that are read, so that an ordinary receiver sees its answer taken, and then thrown away.
MAX_BODY = 64 * 1024
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
            transport = Transport(self.resolve, started + self.timeout_s, self.ssl_context)
            with transport.request("POST", parse(url, reach()), headers, body) as response:
                _drop_body(response)
            found = {"status_code": response.status, "retry_after_s": _retry_after(response)}
        except Refused as refusal:
            found = {"error": str(refusal), "is_refused": True}
        except Exception as error:  # noqa: BLE001 - one bad receiver must not stop the others
            found = {"error": reason_of(error, "receiver")[:300]}
        return Reply(duration_ms=round((time.monotonic() - started) * 1000), **found)


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
