"""What a server we do not trust answers: read whole, in time, and no larger than asked for."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpcore

from ops_console.outbound.addresses import PUBLIC, Reach, Refused, Resolver, parse, resolve_name
from ops_console.outbound.transport import Transport, reason_of

# Seconds for a whole document: name, connection, TLS, request and answer.
READ_TIMEOUT_S = 5.0
Read = TypeVar("Read")


class Unreadable(Exception):
    """The document could not be had; the text says why, in words of ours alone."""


@dataclass(frozen=True)
class Reply:
    """An answer of any status but a redirect's."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Reader:
    """How documents are read; tests give it another resolver."""

    reach: Reach = PUBLIC
    resolve: Resolver = resolve_name
    # The authorities trusted for TLS; the usual ones without.
    ssl_context: ssl.SSLContext | None = None
    timeout_s: float = READ_TIMEOUT_S

    def get(self, url: str, *, accept: str, max_bytes: int) -> bytes:
        """The document at that address. Call it outside transactions; it takes ``timeout_s`` at most.

        Raises:
            Unreadable: the address may not be called, the server failed or answered otherwise, or it is too large.
        """
        return self._exchange("GET", url, {"Accept": accept}, b"", lambda response: _document(response, max_bytes))

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", max_bytes: int) -> Reply:
        """What the server at that address answers to a request, whatever its status but a redirect's.

        As ``get`` otherwise.

        Raises:
            Unreadable: the address may not be called, the server failed or redirects, or its answer is too large.
        """
        return self._exchange(method, url, headers, body, lambda response: _reply(response, max_bytes))

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, read: Callable[[httpcore.Response], Read]
    ) -> Read:
        transport = Transport(self.resolve, time.monotonic() + self.timeout_s, self.ssl_context)
        try:
            with transport.request(method, parse(url, self.reach), headers, body) as response:
                return read(response)
        except Refused as refusal:
            raise Unreadable(str(refusal)) from refusal
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(reason_of(error)) from error


def _document(response: httpcore.Response, max_bytes: int) -> bytes:
    _check_taken(response)
    if response.status != 200:
        raise Unreadable(f"The server answered {response.status}, not 200.")
    return _body(response, max_bytes)


def _reply(response: httpcore.Response, max_bytes: int) -> Reply:
    _check_taken(response)
    return Reply(response.status, _body(response, max_bytes))


def _check_taken(response: httpcore.Response) -> None:
    if 300 <= response.status < 400:
        raise Unreadable(f"The server answered {response.status}: redirects are not followed.")
    encodings = [value for name, value in response.headers if name.lower() == b"content-encoding"]
    # What was not asked for may unpack to anything.
    if any(value.lower() != b"identity" for value in encodings):
        raise Unreadable("The server compressed its answer, though it was not asked to.")


def _body(response: httpcore.Response, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > max_bytes:
            raise Unreadable(f"The document is larger than {max_bytes // 1024} KiB.")
    return bytes(body)
