"""Calls to PostHog's API: the address guarded, the key in one place, what it answers bounded and in words of ours."""

from __future__ import annotations

import json
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Never, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

import httpcore
from django.conf import settings

from ops_console.errors import NotFound, UpstreamError
from ops_console.outbound.addresses import Reach, Refused, Resolver, parse, resolve_name
from ops_console.outbound.transport import Transport, reason_of

logger = logging.getLogger(__name__)

# Seconds for a whole call: name, connection, TLS, request and answer.
CALL_TIMEOUT_S = 20.0
# Seconds PostHog may ask us to wait, for the call to be made once more.
MAX_PAUSE_S = 2
# Of an answer that is one JSON document.
MAX_DOCUMENT = 4 * 1024 * 1024
# Of one document, by the bytes that begin a value or part two: each value costs some 60 bytes of memory, however short.
MOST_VALUES = 1_000_000
# What a header may hold; keys begin with phx_ and have letters and digits.
KEY = re.compile(r"[!-~]{1,500}")
READ, WRITE = "session_recording:read", "session_recording:write"

Query = Mapping[str, str]
Read = TypeVar("Read")


class AnswerTooLarge(UpstreamError):
    """PostHog's answer is larger than we read."""


class WrongSetting(UpstreamError):
    """What the organization said of its PostHog is wrong, and asking again changes nothing."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message, permanent=True)
        # Of the setting: posthog_host, posthog_project or posthog_key.
        self.name = name


class Busy(UpstreamError):
    """PostHog has no time for us."""

    def __init__(self, message: str, *, after_s: int | None) -> None:
        super().__init__(message)
        # Seconds PostHog asked us to wait.
        self.after_s = after_s


def reach() -> Reach:
    """Public addresses by HTTPS, and loopback where the setting opens it."""
    return Reach(loopback=settings.POSTHOG_ALLOW_LOOPBACK, plain_http=settings.POSTHOG_ALLOW_LOOPBACK)


@dataclass(frozen=True)
class Calls:
    """How one project is called; tests give it another resolver."""

    # As people open it: https://eu.posthog.com
    host: str
    project: str
    key: str = field(repr=False)
    # Whose it is, for the log.
    organization_id: UUID
    resolve: Resolver = resolve_name
    ssl_context: ssl.SSLContext | None = None
    timeout_s: float = CALL_TIMEOUT_S

    def document(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """The JSON object at that path, below the project's ``session_recordings``.

        Raises:
            NotFound: PostHog has nothing there.
            UpstreamError: it did not answer as it should.
        """
        found = self._call("GET", path, query or {}, lambda pieces: loaded(_whole(pieces)))
        if not isinstance(found, dict):
            raise UpstreamError("PostHog answered with no JSON object.")
        return found

    def lines(self, path: str, query: Query, *, take: Callable[[Iterable[bytes]], Read], max_bytes: int) -> Read:
        """What ``take`` makes of the lines of an answer, read as they come.

        Raises:
            AnswerTooLarge: there are more than ``max_bytes``.
            NotFound, UpstreamError: as ``document``.
        """
        return self._call("GET", path, query, lambda pieces: take(_lines(pieces, max_bytes)))

    def delete(self, path: str) -> None:
        """Raises: as ``document``."""
        self._call("DELETE", path, {}, _whole)

    def _call(self, method: str, path: str, query: Query, read: Callable[[Iterable[bytes]], Read]) -> Read:
        """Call, and tell operators of a failure, who else only hear of it from people."""
        try:
            return self._call_patiently(method, path, query, read)
        except AnswerTooLarge:
            raise
        except UpstreamError as error:
            details = {"organization": str(self.organization_id), "reason": error.message}
            logger.warning("replay.posthog_failed", extra=details)
            raise

    def _call_patiently(self, method: str, path: str, query: Query, read: Callable[[Iterable[bytes]], Read]) -> Read:
        """Call, and once more where PostHog asks for a short pause."""
        try:
            return self._call_once(method, path, query, read)
        except Busy as busy:
            if busy.after_s is None or busy.after_s > MAX_PAUSE_S:
                raise
            time.sleep(busy.after_s)
        return self._call_once(method, path, query, read)

    def _call_once(self, method: str, path: str, query: Query, read: Callable[[Iterable[bytes]], Read]) -> Read:
        transport = Transport(self.resolve, time.monotonic() + self.timeout_s, self.ssl_context)
        try:
            with transport.request(method, parse(self._url(path, query), reach()), self._headers()) as response:
                _check(response, WRITE if method == "DELETE" else READ)
                return read(response.iter_stream())
        except Refused as refusal:
            raise WrongSetting("posthog_host", f"PostHog's address may not be called. {refusal}") from refusal
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise UpstreamError(f"PostHog: {reason_of(error)}") from error

    def _url(self, path: str, query: Query) -> str:
        if "?" in self.host:
            raise WrongSetting("posthog_host", "PostHog's address may not hold a query.")
        project = quote(self.project, safe="", errors="replace")
        url = f"{self.host.rstrip('/')}/api/projects/{project}/session_recordings/{path}"
        # What PostHog named may hold halves of surrogate pairs, which have no encoding.
        return f"{url}?{urlencode(query, errors='replace')}" if query else url

    def _headers(self) -> dict[str, str]:
        # Refused here: further down, an error would quote it.
        if not KEY.fullmatch(self.key):
            raise WrongSetting("posthog_key", "This is no key of PostHog's: it has other characters.")
        return {
            "Authorization": f"Bearer {self.key}",
            "Accept": "application/json",
            "User-Agent": "pigeon-ops-console",
        }


def loaded(text: bytes) -> Any:
    """JSON as it is defined: no NaN.

    Raises:
        UpstreamError: it is none, or holds more than MOST_VALUES.
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise UpstreamError("PostHog's answer holds too much.")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UpstreamError("PostHog's answer is no JSON.") from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(name)


def _check(response: httpcore.Response, scope: str) -> None:
    """Raises: what the status means; nothing of the answer's body is told."""
    status = response.status
    if status == 401:
        raise WrongSetting("posthog_key", "PostHog does not know the key.")
    if status == 403:
        raise WrongSetting("posthog_key", f"PostHog asks that the key has the scope {scope} for this project.")
    if status in (404, 410):
        raise NotFound
    if status == 429 or status >= 500:
        raise Busy(f"PostHog answered {status}: try again later.", after_s=_retry_after(response))
    if 300 <= status < 400:
        raise WrongSetting("posthog_host", f"PostHog answered {status}: redirects are not followed.")
    if not 200 <= status < 300:
        raise UpstreamError(f"PostHog answered {status}, which it should not.", permanent=True)
    # What was not asked for may unpack to anything.
    if _header(response, b"content-encoding") not in (b"", b"identity"):
        raise UpstreamError("PostHog compressed its answer, though it was not asked to.", permanent=True)


def _retry_after(response: httpcore.Response) -> int | None:
    value = _header(response, b"retry-after")
    return int(value) if value.isdigit() and len(value) < 10 else None


def _header(response: httpcore.Response, name: bytes) -> bytes:
    return next((value.lower() for key, value in response.headers if key.lower() == name), b"")


def _whole(pieces: Iterable[bytes]) -> bytes:
    return b"".join(_bounded(pieces, MAX_DOCUMENT))


def _lines(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    parts: list[bytes] = []
    for piece in _bounded(pieces, max_bytes):
        first, *others = piece.split(b"\n")
        parts.append(first)
        for other in others:
            yield b"".join(parts)
            parts = [other]
    yield b"".join(parts)


def _bounded(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    n_bytes = 0
    for piece in pieces:
        n_bytes += len(piece)
        if n_bytes > max_bytes:
            raise AnswerTooLarge(f"PostHog's answer is larger than {max_bytes // 1024} KiB.")
        yield piece
