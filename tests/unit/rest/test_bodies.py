from __future__ import annotations

import io
from typing import Any

import pytest
from django.conf import LazySettings

from ops_console.rest import forms
from ops_console.rest.bodies import MAX_DROPPED_BYTES, MAX_UNMEASURED_BYTES, Bodies

SEEN: dict[str, Any] = {}


def reading(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    SEEN.update(environ, body=environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    return [b"read"]


def refusing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return [b"refused"]


class Endless(io.RawIOBase):
    """A sender that never stops."""

    n_read = 0

    def read(self, size: int = -1) -> bytes:
        self.n_read += size
        return b"x" * size


def call(app: Any, body: Any, **environ: str) -> None:
    base = {"REQUEST_METHOD": "POST", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": body, "wsgi.url_scheme": "http"}
    list(Bodies(app)({**base, **environ}, None))


def test_passes_a_measured_body_on() -> None:
    call(reading, io.BytesIO(b"hello and more"), CONTENT_LENGTH="5")
    assert SEEN["body"] == b"hello"


@pytest.mark.parametrize("environ", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"SERVER_PROTOCOL": "HTTP/2"}])
def test_gives_a_body_without_length_its_length(environ: dict[str, str]) -> None:
    call(reading, io.BytesIO(b"hello"), **environ)
    assert (SEEN["CONTENT_LENGTH"], SEEN["body"]) == ("5", b"hello")


def test_announces_a_long_body_without_length_as_too_long() -> None:
    sender = Endless()
    call(reading, sender, HTTP_TRANSFER_ENCODING="chunked")
    assert int(SEEN["CONTENT_LENGTH"]) > max(MAX_DROPPED_BYTES, forms.MAX_BYTES)
    assert MAX_DROPPED_BYTES <= sender.n_read <= MAX_DROPPED_BYTES + 2 * MAX_UNMEASURED_BYTES


def test_reads_what_was_left_unread() -> None:
    body = io.BytesIO(b"x" * 3_000_000)
    call(refusing, body, CONTENT_LENGTH="3000000")
    assert body.read() == b""


def test_cuts_a_body_without_end() -> None:
    sender = Endless()
    call(refusing, sender, CONTENT_LENGTH=str(10**12))
    assert sender.n_read == MAX_DROPPED_BYTES


@pytest.mark.parametrize(("proxies", "scheme"), [([], "http"), (["10.0.0.1"], "https")])
def test_takes_the_scheme_from_trusted_proxies_only(settings: LazySettings, proxies: list[str], scheme: str) -> None:
    settings.TRUSTED_PROXIES = proxies
    call(reading, io.BytesIO(), REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    assert SEEN["wsgi.url_scheme"] == scheme
