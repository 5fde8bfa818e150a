"""Whether an address signs in through an identity provider."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from ops_console.access.actors import Actor
from ops_console.access.services import sso_providers
from ops_console.errors import InvalidInput, RateLimited
from tests import bearers, factories, sso, tenants


def check(email: str, address: str | None = None) -> sso_providers.Check:
    return sso_providers.check_by_domain(email=email, actor=Actor.anyone(address or bearers.somewhere()))


def test_only_a_proved_domain_counts(db: None) -> None:
    made = sso.provider(domain="acme.example")
    assert check("ann@acme.example") == sso_providers.Check(is_enabled=False)
    sso.prove(made)
    for email in ("ann@acme.example", " Ann.Other+tag@ACME.Example. "):
        assert check(email) == sso_providers.Check(is_enabled=True, provider_name="oidc-acme.example")
    for email in ("ann@mail.acme.example", "ann@acme.example.org", "ann@notacme.example"):
        assert not check(email).is_enabled


def test_a_domain_in_other_letters_is_the_same(db: None) -> None:
    sso.provider(domain="münchen.example", proved=True)
    assert check("ann@MÜNCHEN.example").provider_name == "oidc-xn--mnchen-3ya.example"
    assert check("ann@xn--mnchen-3ya.example").is_enabled


@pytest.mark.parametrize("email", ["", "ann", "acme.example", "@acme.example", "ann@", "ann@acme", "a b@acme.example"])
def test_what_is_no_address_is_refused(db: None, email: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check(email)
    assert refusal.value.errors[0].path == ("email",)


def test_questions_are_counted_by_client_address(db: None, settings: Settings) -> None:
    settings.SSO_CHECKS_PER_MINUTE = 5
    address, neighbour = bearers.somewhere(), bearers.somewhere()
    for number in range(5):
        check(f"ann@acme{number}.example", address)
    with pytest.raises(RateLimited):
        check("ann@acme.example", address)
    # IPv6: the whole /64 is one customer's.
    with pytest.raises(RateLimited):
        check("ann@acme.example", address + "234")
    assert not check("ann@acme.example", neighbour).is_enabled


def test_who_is_signed_in_may_ask_and_is_counted_too(db: None, settings: Settings) -> None:
    settings.SSO_CHECKS_PER_MINUTE = 1
    who = Actor.key(
        prefix="k",
        key_id=factories.organization().pk,
        creator=tenants.member(factories.organization()),
        rights=(),
        address=bearers.somewhere(),
    )
    assert not sso_providers.check_by_domain(email="ann@acme.example", actor=who).is_enabled
    with pytest.raises(RateLimited):
        sso_providers.check_by_domain(email="ann@acme.example", actor=who)
