from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_console.access.sso.oidc_discovery import SUFFIX, parse
from ops_console.access.sso.unfit import Unfit
from tests.fakes.identity_provider import discovery

ISSUER = "https://idp.customer.example/tenant"


def read(address: str = ISSUER, url: str = ISSUER + SUFFIX, /, **changes: Any) -> dict[str, Any]:
    return parse(json.dumps(discovery(address, **changes)).encode(), url=url).stored()


def test_what_signing_in_needs_is_kept() -> None:
    assert read(code_challenge_methods_supported=["plain", "S256"], userinfo_endpoint=f"{ISSUER}/userinfo") == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/jwks",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "end_session_endpoint": "",
        "algorithms": ["RS256", "ES256"],
        "client_authentication": ["client_secret_basic"],
        "has_pkce": True,
        "names_issuer": False,
    }


def test_methods_of_client_authentication_are_those_we_know() -> None:
    kept = read(token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_post", "none"])
    assert kept["client_authentication"] == ["client_secret_post", "none"]


def test_the_issuer_may_end_in_a_slash_and_is_kept_as_it_is_written() -> None:
    assert read("https://idp.example.com/", "https://idp.example.com" + SUFFIX)["issuer"].endswith("/")


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://evil.example", ISSUER + SUFFIX),
        ("https://idp.customer.example", ISSUER + SUFFIX),
        ("https://idp.customer.example/TENANT", ISSUER + SUFFIX),
        ("https://IDP.customer.example/tenant", ISSUER + SUFFIX),
        ("https://idp.customer.example:443/tenant", ISSUER + SUFFIX),
        (ISSUER + "//", ISSUER + SUFFIX),
        ("http://idp.customer.example/tenant", ISSUER + SUFFIX),
        (ISSUER + "?x=y", ISSUER + "?x=y" + SUFFIX),
        (ISSUER + "#x", ISSUER + "#x" + SUFFIX),
        (ISSUER, ISSUER),
        (ISSUER, ISSUER + SUFFIX + "/"),
        (ISSUER, ISSUER + SUFFIX + "?x=y"),
        (ISSUER, "https://idp.customer.example/discovery"),
        ("https://login.example/{tenantid}", "https://login.example/common" + SUFFIX),
    ],
)
def test_an_issuer_that_is_not_the_document_s_address_is_refused(issuer: str, url: str) -> None:
    with pytest.raises(Unfit, match=r"issuer|ends in"):
        read(issuer, url)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": None},
        {"issuer": 7},
        {"authorization_endpoint": None},
        {"token_endpoint": ""},
        {"jwks_uri": ["https://idp.customer.example/jwks"]},
        {"jwks_uri": "https://idp.customer.example/\ud800"},
        {"token_endpoint": "https://idp.customer.example/" + "x" * 2048},
        {"userinfo_endpoint": 7},
        {"response_types_supported": None},
        {"response_types_supported": ["id_token"]},
        {"response_types_supported": "code"},
        {"id_token_signing_alg_values_supported": None},
        {"id_token_signing_alg_values_supported": []},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"id_token_signing_alg_values_supported": ["RS256"] * 101},
        {"token_endpoint_auth_methods_supported": [None]},
        {"code_challenge_methods_supported": {"S256": True}},
    ],
)
def test_a_document_that_lacks_something_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        read(**changes)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b'"x"',
        b"null",
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"issuer": ' * 100_000,
        b'{"issuer": ' + b"9" * 100_000 + b"}",
    ],
)
def test_what_is_no_document_is_refused(document: bytes) -> None:
    with pytest.raises(Unfit):
        parse(document, url=ISSUER + SUFFIX)


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(list(discovery(ISSUER))), json_values, max_size=4))
def test_whatever_it_holds_it_is_read_or_refused(changes: dict[str, Any]) -> None:
    with suppress(Unfit):
        parse(json.dumps({**discovery(ISSUER), **changes}).encode(), url=ISSUER + SUFFIX)
