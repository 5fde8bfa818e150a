"""How an OpenID provider's servers are called, and what comes of their answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from threading import Timer
from typing import Any, cast
from uuid import uuid4

import pytest

from ops_console.access.models import SsoProvider
from ops_console.access.services.sso_providers import NewProvider
from ops_console.access.sso import oidc, turns
from ops_console.organizations.models import Organization
from tests import sso
from tests.fakes import lying_provider as liar
from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.webhook_receiver import Answer, Received
from tests.integration.auth.sso.conftest import DOMAIN
from tests.integration.auth.sso.oidc_visits import Visit
from tests.integration.auth.sso.visits import problem
from tests.saml import query

pytestmark = pytest.mark.django_db
# What the browser brings back, and what comes of it.
BROUGHT: tuple[tuple[dict[str, str], str], ...] = (
    ({"iss": "https://evil.example"}, "not-counted"),
    ({"error": "access_denied"}, "denied"),
    ({"code": ""}, "not-counted"),
)
TOKEN_ANSWERS = (
    (Answer(500), "unreachable"),
    (Answer(400, body=b'{"error": "invalid_grant"}'), "not-counted"),
    (Answer(302, headers={"Location": "https://169.254.169.254/"}), "unreachable"),
    (Answer(body=b"<html>"), "not-counted"),
    (Answer(body=b"[]"), "not-counted"),
    (Answer(body=b"[" * 100_000), "not-counted"),
    (Answer(body=b"x" * 300_000), "unreachable"),
)
NO_DOCUMENTS = (
    Answer(404),
    Answer(body=b"[]"),
    Answer(body=b"<"),
    Answer(body=b"[" * 100_000),
    Answer(302, headers={"Location": "/"}),
)
NO_KEYS: tuple[dict[str, Any], ...] = (
    {},
    {"keys": 7},
    {"keys": []},
    {"keys": [7, {}, {"kty": "RSA"}, {"kty": "oct", "k": "cw"}]},
)
SERVED: tuple[tuple[str, Answer, str], ...] = (
    *(("/token", answer, told) for answer, told in TOKEN_ANSWERS),
    *((path, answer, "unreachable") for path in ("/jwks", "/userinfo") for answer in NO_DOCUMENTS),
    *(("/jwks", Answer(body=json.dumps(keys).encode()), "not-counted") for keys in NO_KEYS),
    ("/userinfo", Answer(body=b'{"sub": "bea"}'), "not-counted"),
)
FORBIDDEN = ("https://10.0.0.1/", "https://169.254.169.254/", "http://127.0.0.1/")


def came_of_it(idp: IdentityProvider, served: Mapping[str, Answer], **members: str) -> str:
    """What the person is told, where the provider's documents are as they should be but for these."""
    visit = Visit()
    liar.answer_code(idp, liar.signed(liar.claims(idp, visit.nonce)), {"sub": "ann"})
    true = dict(idp.documents)
    idp.documents.update(served)
    try:
        return problem(visit.come_back(**members))
    finally:
        idp.documents = true


def test_answers_and_servers_that_do_not_count(
    idp: IdentityProvider, at_liar: SsoProvider, subtests: pytest.Subtests
) -> None:
    for members, told in BROUGHT:
        with subtests.test(**members):
            assert came_of_it(idp, {}, **members) == told
    for path, answer, told in SERVED:
        with subtests.test(path, status=answer.status, body=answer.body[:80]):
            assert came_of_it(idp, {path: answer}) == told
    # However an address came to be kept, the guard is asked again at each call.
    for name in ("token_endpoint", "jwks_uri", "userinfo_endpoint"):
        for url in FORBIDDEN:
            with subtests.test(name, url=url):
                SsoProvider.objects.update(metadata={**at_liar.metadata, name: url})
                assert came_of_it(idp, {}) == "unreachable"


def token_request(idp: IdentityProvider) -> Received:
    """How the last code was exchanged."""
    return next(each for each in reversed(idp.received) if each.path == "/token")


def exchanged(idp: IdentityProvider) -> Received:
    visit = Visit()
    liar.answer_code(idp, "")
    visit.come_back()
    return token_request(idp)


def test_the_client_says_who_it_is_as_the_provider_wants_it(idp: IdentityProvider, acme: Organization) -> None:
    address = liar.serve(idp, token_endpoint_auth_methods_supported=["client_secret_post"])
    made = sso.set_up(
        acme, NewProvider(domain=DOMAIN, type="oidc", metadata_url=address, client_id="pi+geon", client_secret="s: %")
    )
    posted = exchanged(idp)
    assert {"client_id=pi%2Bgeon", "client_secret=s%3A+%25"} <= set(posted.body.decode().split("&"))
    assert "Authorization" not in posted.headers
    for offered in (["client_secret_basic", "client_secret_post"], []):
        SsoProvider.objects.update(metadata={**made.metadata, "client_authentication": offered})
        in_header = exchanged(idp)
        # Each part encoded by itself (RFC 6749, 2.3.1).
        shown = base64.b64encode(b"pi%2Bgeon:s%3A+%25").decode()
        assert in_header.headers["Authorization"] == f"Basic {shown}"
        assert b"secret" not in in_header.body


def test_a_provider_that_promises_to_name_itself_does(idp: IdentityProvider, acme: Organization) -> None:
    address = liar.serve(idp, authorization_response_iss_parameter_supported=True)
    sso.set_up(acme, NewProvider(domain=DOMAIN, type="oidc", metadata_url=address, client_id="pigeon"))
    visit = Visit()
    assert query(visit.url)["code_challenge_method"] == "S256"
    assert problem(visit.come_back()) == "not-counted"
    visit = Visit()
    liar.answer_code(idp, liar.signed(liar.claims(idp, visit.nonce)))
    assert visit.come_back(iss=idp.url(""))["Location"] == "/signin"
    # A public client names itself, and shows what only the browser that began can know.
    sent = token_request(idp).body.decode()
    assert "client_id=pigeon" in sent
    assert "code_verifier=" in sent


def led_to(idp: IdentityProvider, *, after_s: float = 0) -> str:
    """Where a visit leads, with each of the provider's answers so late."""
    visit = Visit()
    liar.answer_code(idp, liar.signed(liar.claims(idp, visit.nonce)))
    for path in ("/token", "/jwks", "/userinfo"):
        idp.documents[path] = replace(cast(Answer, idp.documents[path]), after_s=after_s)
    return str(visit.come_back()["Location"])


def test_a_slow_provider_keeps_few_threads_and_not_for_long(
    idp: IdentityProvider, at_liar: SsoProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(turns, "PATIENCE_S", 0.1)
    # Each of the three in time, and all of them not.
    assert led_to(idp, after_s=0.5) == "/signin?problem=unreachable"
    with turns.turn(at_liar.pk), turns.turn(uuid4()):
        assert led_to(idp) == "/signin"
        with turns.turn(at_liar.pk):
            assert led_to(idp) == "/signin?problem=unreachable"
    assert led_to(idp) == "/signin"
    # Who waits for his turn gets it once another is through.
    monkeypatch.setattr(turns, "PATIENCE_S", 60)
    with turns.turn(at_liar.pk), ExitStack() as another:
        another.enter_context(turns.turn(at_liar.pk))
        leaving = Timer(0.2, another.pop_all().close)
        leaving.start()
        assert led_to(idp) == "/signin"
        leaving.join()
    assert not turns._under_way
