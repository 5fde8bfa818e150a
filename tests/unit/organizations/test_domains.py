from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_console.organizations import domains
from ops_console.organizations.domains import NoDomain


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("acme.example", "acme.example"),
        ("ACME.Example", "acme.example"),
        (" acme.example. ", "acme.example"),
        ("mail.eu.acme.co.uk", "mail.eu.acme.co.uk"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN。example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("3com.example", "3com.example"),
    ],
)
def test_a_domain_has_one_form(given: str, normal: str) -> None:
    assert domains.normal(given) == normal
    assert domains.normal(normal) == normal


@pytest.mark.parametrize(
    "given",
    [
        "",
        ".",
        "acme",
        "localhost",
        "acme..example",
        ".acme.example",
        "-acme.example",
        "acme-.example",
        "a_b.example",
        "acme example.com",
        "ann@acme.example",
        "https://acme.example",
        "acme.example/",
        "acme.example:443",
        "127.0.0.1",
        "10.1",
        "[::1]",
        "xn--a.example",
        "a" * 64 + ".example",
        ".".join(["abcdefgh"] * 29) + ".example",
        "x" * 100_000,
        "\ud800.example",
        "nul\0.example",
        "*.example.com",
    ],
)
def test_everything_else_is_none(given: str) -> None:
    with pytest.raises(NoDomain):
        domains.normal(given)


@given(st.text(max_size=80))
def test_whatever_is_given_is_normal_or_none(text: str) -> None:
    try:
        normal = domains.normal(text)
    except NoDomain:
        return
    assert normal.isascii()
    assert domains.normal(normal) == normal


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("ann@acme.example", "acme.example"),
        (" Ann@ACME.example ", "acme.example"),
        ('"a@b"@acme.example', "acme.example"),
        ("ann@münchen.example", "xn--mnchen-3ya.example"),
    ],
)
def test_an_address_has_the_domain_after_its_last_at(email: str, domain: str) -> None:
    assert domains.of_email(email) == domain


@pytest.mark.parametrize(
    "email",
    ["", "@", "ann", "acme.example", "@acme.example", "ann@", "ann@acme", "a b@acme.example", "a\0@acme.example"],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(NoDomain):
        domains.of_email(email)


@pytest.mark.parametrize("domain", ["gmail.com", "googlemail.com", "web.de", "yahoo.co.uk", "tuta.com", "mx.gmail.com"])
def test_public_mail_domains_are_known(domain: str) -> None:
    assert domains.is_public(domain)


@pytest.mark.parametrize("domain", ["acme.example", "notgmail.com", "gmail.com.acme.example", "co.uk", ""])
def test_others_are_not_taken_for_public(domain: str) -> None:
    assert not domains.is_public(domain)


def test_the_list_is_in_the_form_that_is_compared() -> None:
    assert len(domains.PUBLIC) > 4000
    assert all(domains.normal(domain) == domain for domain in domains.PUBLIC)
