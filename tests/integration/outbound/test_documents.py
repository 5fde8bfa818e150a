"""Documents of servers that misbehave, and of those that are none of ours to call."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest
from pytest_django import Settings

from ops_console.access.sso.metadata import usual_reader
from ops_console.outbound.addresses import Address, Reach
from ops_console.outbound.documents import Reader, Unreadable
from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.webhook_receiver import Answer, Behaviour, Drip, Drop, Flood, Garbage, Hang
from tests.fixtures_sso import IDP_NAME

PATH = "/document"
LIMIT = 64 * 1024
IN_TIME = "did not answer in time"


def read(url: str, reader: Reader) -> bytes:
    return reader.get(url, accept="application/json", max_bytes=LIMIT)


def test_a_document_comes_whole_by_tls_and_says_what_is_wanted(idp: IdentityProvider) -> None:
    body = b"x" * LIMIT
    idp.documents[PATH] = Answer(body=body)
    assert read(idp.url(PATH), usual_reader()) == body
    (request,) = idp.received
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Host"] == f"127.0.0.1:{idp.port}"
    assert request.headers["Content-Length"] is None


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (Answer(404), "answered 404"),
        (Answer(500), "answered 500"),
        (Answer(204, body=b""), "answered 204"),
        (Answer(body=b"x" * (LIMIT + 1)), "larger than 64 KiB"),
        (Flood(), "larger than 64 KiB"),
        (Answer(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"x" * 10_000_000)), "compressed"),
        (Hang(), IN_TIME),
        (Drip(), IN_TIME),
        (Answer(after_s=3), IN_TIME),
        (Drop(), "broke the connection"),
        (Garbage(), "broke the connection"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_server_that_misbehaves_is_told_of_in_a_sentence(
    idp: IdentityProvider, behaviour: Behaviour, why: str
) -> None:
    idp.documents[PATH] = behaviour
    # As long as no server here takes by itself, or the little that is waited for one that never answers.
    timeout_s = 1.0 if why == IN_TIME else 20.0
    with pytest.raises(Unreadable, match=why):
        read(idp.url(PATH), replace(usual_reader(), timeout_s=timeout_s))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(idp: IdentityProvider, status: int) -> None:
    idp.documents[PATH] = Answer(status, headers={"Location": idp.url("/elsewhere")})
    idp.documents["/elsewhere"] = Answer()
    with pytest.raises(Unreadable, match="redirects are not followed"):
        read(idp.url(PATH), usual_reader())
    assert [request.path for request in idp.received] == [PATH]


def test_nobody_listens(idp: IdentityProvider) -> None:
    idp.stop()
    with pytest.raises(Unreadable, match="No connection"):
        read(idp.url(PATH), usual_reader())


def test_an_authority_we_do_not_trust_is_refused(idp: IdentityProvider) -> None:
    idp.documents[PATH] = Answer()
    with pytest.raises(Unreadable, match="CERTIFICATE_VERIFY_FAILED"):
        read(idp.url(PATH), Reader(reach=Reach(loopback=True)))
    assert idp.received == []


def test_a_name_the_certificate_does_not_bear_is_refused(idp: IdentityProvider) -> None:
    def loopback(name: str, timeout_s: float) -> Sequence[Address]:
        return [ip_address("127.0.0.1")]

    idp.documents[PATH] = Answer()
    reader = replace(usual_reader(), resolve=loopback)
    assert read(idp.url(PATH, host=IDP_NAME), reader) == b"thanks"
    with pytest.raises(Unreadable, match="CERTIFICATE_VERIFY_FAILED"):
        read(idp.url(PATH, host="other.customer.example"), reader)


@pytest.mark.parametrize("found", [["127.0.0.1"], ["10.0.0.7"], ["93.184.215.14", "::ffff:127.0.0.1"]])
def test_a_name_that_points_inside_by_the_time_of_the_call_is_not_connected_to(
    idp: IdentityProvider, found: list[str]
) -> None:
    def inside(name: str, timeout_s: float) -> Sequence[Address]:
        return [ip_address(text) for text in found]

    with pytest.raises(Unreadable, match="an address that may not be called"):
        read(idp.url(PATH, host=IDP_NAME), Reader(resolve=inside))
    assert idp.n_connections == 0


def test_loopback_is_closed_unless_the_setting_opens_it_and_plain_http_even_then(
    idp: IdentityProvider, settings: Settings
) -> None:
    with pytest.raises(Unreadable, match="https://"):
        read(idp.url(PATH).replace("https:", "http:"), usual_reader())
    settings.SSO_ALLOW_LOOPBACK = False
    with pytest.raises(Unreadable, match="an address that may not be called"):
        read(idp.url(PATH), usual_reader())
    assert idp.n_connections == 0
