"""What is asked for, and no identity provider comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from pytest_django import Settings

from ops_console.access.actors import Actor
from ops_console.access.services import sso_metadata
from ops_console.access.services.sso_providers import AttributeMapping, NewProvider
from ops_console.errors import InvalidInput, RateLimited
from ops_console.outbound.addresses import Address
from ops_console.outbound.documents import Reader
from tests.fakes.identity_provider import IdentityProvider, saml_metadata
from tests.fakes.webhook_receiver import Answer, Behaviour, Flood
from tests.integration.access.sso.setting_up import SECRET, create, faults, oidc, saml

PUBLIC_DOMAINS = ("gmail.com", "GMAIL.com", "mail.web.de", "yahoo.co.uk")
NO_DOMAINS = ("", "acme", "localhost", "10.0.0.1", "ann@acme.example", "a_b.example", "x" * 300)
WRONG_CLIENTS: tuple[tuple[dict[str, str], str], ...] = (
    ({"client_id": ""}, "client_id"),
    ({"client_id": "x" * 501}, "client_id"),
    ({"client_id": "a\tb"}, "client_id"),
    ({"client_secret": "x" * 501}, "client_secret"),
    ({"client_secret": "\ud800"}, "client_secret"),
    ({"type": "saml"}, "client_id"),
)
# What is served, and why it is refused.
UNFIT_METADATA: tuple[tuple[Behaviour, str], ...] = (
    (Answer(404), "answered 404"),
    (Answer(302, headers={"Location": "https://169.254.169.254/"}), "redirects are not followed"),
    (Flood(), "larger than 512 KiB"),
    (Answer(body=b"<html>sign in</html>"), "no identity provider"),
    (Answer(body=b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), "document type"),
    (Answer(body=saml_metadata("http://idp.example.com/sso").encode()), "must begin with https://"),
    (Answer(body=saml_metadata("https://10.0.0.1/sso").encode()), "may not be called"),
    (Answer(body=saml_metadata("https://169.254.169.254/latest").encode()), "may not be called"),
    (Answer(body=saml_metadata("javascript:alert(1)").encode()), "HTTP-Redirect address"),
)
UNFIT_DISCOVERY: Mapping[str, tuple[Any, str]] = {
    "issuer": ("https://evil.example", "issuer"),
    "jwks_uri": ("https://192.168.0.1/jwks", "jwks_uri"),
    "token_endpoint": ("http://127.0.0.1/token", "token_endpoint"),
    "authorization_endpoint": ("https://idp.local/authorize", "authorization_endpoint"),
    "userinfo_endpoint": ("https://[::1]:22/", "userinfo_endpoint"),
    "end_session_endpoint": ("ftp://idp.example.com/", "end_session_endpoint"),
    "id_token_signing_alg_values_supported": (["HS256"], "signs ID tokens by none"),
}
FORBIDDEN = (
    "",
    "idp.example.com",
    "http://idp.example.com/",
    "https://10.1.2.3/",
    "https://u:p@idp.example.com/",
    "x" * 3000,
)


def test_domains_that_are_nobodys_or_none(idp: IdentityProvider, admin: Actor, subtests: pytest.Subtests) -> None:
    for domain in (*PUBLIC_DOMAINS, *NO_DOMAINS):
        with subtests.test(domain[:80]):
            assert set(faults(saml(idp, domain), admin)) == {("domain",)}
    assert idp.received == []


def test_every_fault_is_told_at_once(admin: Actor) -> None:
    wanted = NewProvider(
        domain="",
        type="ldap",
        metadata_url="",
        client_secret=SECRET,
        attribute_mapping=AttributeMapping(email="x" * 501, given_name="a\nb"),
    )
    assert set(faults(wanted, admin)) == {
        ("domain",),
        ("type",),
        ("metadata_url",),
        ("client_secret",),
        ("attribute_mapping", "email"),
        ("attribute_mapping", "given_name"),
    }


def test_clients(idp: IdentityProvider, admin: Actor, subtests: pytest.Subtests) -> None:
    for changes, at in WRONG_CLIENTS:
        with subtests.test(at, changes=repr(changes)[:80]):
            assert (at,) in faults(oidc(idp, **changes), admin)


# --- The metadata --------------------------------------------------------------------------------------------------


def test_metadata_that_is_not_fit(idp: IdentityProvider, admin: Actor, subtests: pytest.Subtests) -> None:
    for served, why in UNFIT_METADATA:
        with subtests.test(why):
            wanted = saml(idp)
            idp.documents["/saml/metadata"] = served
            assert why in faults(wanted, admin)["metadata_url",]


def test_a_discovery_document_that_is_not_fit(idp: IdentityProvider, admin: Actor, subtests: pytest.Subtests) -> None:
    for name, (value, why) in UNFIT_DISCOVERY.items():
        with subtests.test(name):
            wanted = oidc(idp)
            idp.serve_discovery(**{name: value})
            assert why in faults(wanted, admin)["metadata_url",]


def test_an_address_that_may_not_be_called(admin: Actor, subtests: pytest.Subtests) -> None:
    for url in FORBIDDEN:
        with subtests.test(url[:80]):
            wanted = NewProvider(domain="acme.example", type="saml", metadata_url=url)
            assert set(faults(wanted, admin)) == {("metadata_url",)}


def test_loopback_is_closed_outside_tests(idp: IdentityProvider, admin: Actor, settings: Settings) -> None:
    settings.SSO_ALLOW_LOOPBACK = False
    assert "may not be called" in faults(saml(idp), admin)["metadata_url",]
    assert idp.n_connections == 0


def test_a_name_that_points_inside_by_the_time_of_the_call_is_refused(idp: IdentityProvider, admin: Actor) -> None:
    found = iter(["93.184.215.14", "127.0.0.1"])

    def rebinding(name: str, timeout_s: float) -> Sequence[Address]:
        return [ip_address(next(found))]

    assert rebinding("", 0)
    wanted = saml(idp, metadata_url=idp.url("/saml/metadata", host="idp.customer.example"))
    assert "may not be called" in faults(wanted, admin, reader=Reader(resolve=rebinding))["metadata_url",]
    assert idp.n_connections == 0


def test_who_keeps_trying_is_told_to_wait(idp: IdentityProvider, admin: Actor) -> None:
    wanted = saml(idp)
    idp.documents.clear()
    for _ in range(sso_metadata.READINGS_PER_MINUTE):
        with pytest.raises(InvalidInput):
            create(wanted, admin)
    with pytest.raises(RateLimited):
        create(wanted, admin)
    assert len(idp.received) == sso_metadata.READINGS_PER_MINUTE
