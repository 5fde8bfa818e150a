"""ID tokens of a provider that lies, and what the true ones vouch for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from ops_console.access.models import Session, SsoProvider
from ops_console.access.services import sessions, sso_sign_in
from ops_console.access.sso.refusals import NotLetIn
from tests.fakes import lying_provider as liar
from tests.fakes.identity_provider import IdentityProvider
from tests.integration.auth.sso.oidc_visits import NAME, Visit
from tests.integration.auth.sso.visits import problem
from tests.saml import query

pytestmark = pytest.mark.django_db
# Makes an ID token for that nonce.
Lie = Callable[[IdentityProvider, str], str]


def claiming(**changes: Any) -> Lie:
    return lambda idp, nonce: liar.signed(liar.claims(idp, nonce, **changes))


def signing(*how: Any) -> Lie:
    return lambda idp, nonce: liar.signed(liar.claims(idp, nonce), *how)


def saying(text: str) -> Lie:
    return lambda idp, nonce: text


LIES: Mapping[str, Lie] = {
    "wrong nonce": claiming(nonce="another"),
    "no nonce": claiming(nonce=""),
    "nonce left out": claiming(nonce=None),
    "other audience": claiming(aud="another"),
    "no audience": claiming(aud=None),
    "two audiences": claiming(aud=["pigeon", "another"]),
    "other party": claiming(azp="another"),
    "other issuer": claiming(iss="https://evil.example"),
    "issuer with a slash": lambda idp, nonce: claiming(iss=idp.url("/"))(idp, nonce),
    "expired": claiming(exp=1),
    "no end": claiming(exp=None),
    "of tomorrow": claiming(iat=2**33),
    "not before tomorrow": claiming(nbf=2**33),
    "nobody": claiming(sub=None),
    "wrong access token": claiming(at_hash="AAAA"),
    "other key": signing(liar.OTHER_KEY),
    "unannounced algorithm": signing(liar.KEY, "PS256"),
    "client secret": signing("s" * 32, "HS256"),
    "unsigned": lambda idp, nonce: liar.unsigned(liar.claims(idp, nonce)),
    "said to be signed": lambda idp, nonce: liar.unsigned(liar.claims(idp, nonce), "RS256"),
    "no token": saying(""),
    "no object": saying("e30.W10."),
}


def test_lies_do_not_count(idp: IdentityProvider, at_liar: SsoProvider, subtests: pytest.Subtests) -> None:
    for name, lie in LIES.items():
        with subtests.test(name):
            visit = Visit()
            liar.answer_code(idp, lie(idp, visit.nonce))
            assert problem(visit.come_back()) == "not-counted"
    # The smallest of all changes to none: it lets in; and so does a key on an elliptic curve.
    for key, algorithm in ((liar.KEY, "RS256"), (liar.EC_KEY, "ES256")):
        with subtests.test(algorithm):
            liar.publish(idp, key)
            visit = Visit()
            claims = liar.claims(idp, visit.nonce, deep=json.loads("[" * 700 + "]" * 700))
            liar.answer_code(idp, liar.signed(claims, key, algorithm))
            assert visit.come_back()["Location"] == "/signin"


def test_a_small_key_signs_nothing(idp: IdentityProvider, at_liar: SsoProvider) -> None:
    liar.publish(idp, liar.SMALL_KEY)
    visit = Visit()
    with pytest.warns(match="RSA|key"):
        token = liar.signed(liar.claims(idp, visit.nonce), liar.SMALL_KEY)
    liar.answer_code(idp, token)
    assert problem(visit.come_back()) == "not-counted"


def refusal(idp: IdentityProvider, *, clock: int, **changes: Any) -> str:
    """Why a visit by our clock, with a token of such claims, lets nobody in; empty where it lets in."""
    begun = sso_sign_in.begin(provider_name=NAME, email="", return_to="", client=sessions.Client(), now=timezone.now())
    nonce, state = (query(begun.url)[each] for each in ("nonce", "state"))
    liar.answer_code(idp, liar.signed(liar.claims(idp, nonce, **changes)))
    try:
        sso_sign_in.finish_oidc(
            provider_name=NAME,
            answer={"code": "any", "state": state},
            cookies={begun.cookie: begun.secret},
            client=sessions.Client(),
            now=datetime.fromtimestamp(clock, UTC),
        )
    except NotLetIn as why:
        return why.reason
    return ""


def test_its_clock_may_differ_by_a_minute(idp: IdentityProvider, at_liar: SsoProvider) -> None:
    at = int(time.time())
    for name, sign in (("exp", 1), ("iat", -1), ("nbf", -1)):
        changes = {"iat": at, "exp": at + 300, name: at}
        assert refusal(idp, clock=at + 59 * sign, **changes) == "", name
        assert refusal(idp, clock=at + 61 * sign, **changes).startswith("id_token_"), name


def vouched(idp: IdentityProvider, userinfo: Mapping[str, Any], **changes: Any) -> Any:
    """What comes of a token with such claims, and such answers of the userinfo endpoint."""
    visit = Visit()
    liar.answer_code(idp, liar.signed(liar.claims(idp, visit.nonce, **changes)), {"sub": "ann", **userinfo})
    return visit.come_back()


def test_who_vouches_for_the_address_says_it_is_verified(idp: IdentityProvider, at_liar: SsoProvider) -> None:
    other = {"email": "bea@acme.example", "email_verified": True}
    assert problem(vouched(idp, {"email_verified": True}, email_verified=None)) == "other-address"
    assert problem(vouched(idp, {}, email_verified=None)) == "unverified"
    assert problem(vouched(idp, other, email_verified=False)) == "unverified"
    for almost in ("yes", 1, 1.0, [True]):
        assert problem(vouched(idp, other, email_verified=almost)) == "unverified", almost
    vouched(idp, other, email_verified=None)
    assert Session.objects.get(method="sso").person.email == "bea@acme.example"
    assert vouched(idp, {}, email_verified="true")["Location"] == "/signin"


def test_another_claim_holds_an_address_only_where_email_holds_it_too(
    idp: IdentityProvider, at_liar: SsoProvider
) -> None:
    """Verified is what ``email`` says: another claim may hold the same address and none beside it."""
    SsoProvider.objects.update(attribute_mapping={"email": "preferred_username"})
    for said, expected in (
        ({"email": "mallory@acme.example"}, "unverified"),
        ({"email": "mallory@else.example"}, "other-address"),
        ({"email": None}, "other-address"),
        ({"email_verified": False}, "unverified"),
    ):
        assert problem(vouched(idp, {}, preferred_username="ann@acme.example", **said)) == expected, said
    assert vouched(idp, {}, preferred_username="Ann@acme.example")["Location"] == "/signin"
