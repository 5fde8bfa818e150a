from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from ops_console.access.models import Session, SignInMethod
from ops_console.access.services import sessions, signing_keys, tokens
from ops_console.errors import Unauthenticated
from tests import factories, tenants

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def session() -> Session:
    member = tenants.member(factories.organization())
    opened = sessions.open_session(
        person=member.person, member=member, method=SignInMethod.CODE, client=sessions.Client(), now=NOW
    )
    return opened.session


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims_of(text: str) -> dict[str, Any]:
    return jwt.decode(text, options={"verify_signature": False})


def signed(claims: dict[str, Any], **header: Any) -> str:
    kid, key = signing_keys.current()
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid, **header})


def test_a_token_names_person_organization_and_session(session: Session, settings: Any) -> None:
    token = tokens.issue(session=session, now=NOW)
    claims = claims_of(token.text)
    assert session.member is not None
    assert claims.pop("jti")
    assert claims == {
        "iss": settings.PUBLIC_URL,
        "sub": str(session.person_id),
        "email": session.person.email,
        "exp": int(NOW.timestamp()) + 900,
        "iat": int(NOW.timestamp()),
        "sid": str(session.id),
        "custom:org_id": str(session.member.organization_id),
    }
    assert token.expires_at == NOW + timedelta(minutes=15)
    # As the overview shows it.
    assert token.text.startswith("eyJhbGciOiJSUzI1NiIs")
    found = tokens.verify(token.text, now=NOW)
    assert found == tokens.Claims(
        session.id, session.person_id, session.member.organization_id, int(token.expires_at.timestamp())
    )


def test_without_an_organization_the_claim_is_missing() -> None:
    person = factories.outsider()
    opened = sessions.open_session(
        person=person, member=None, method=SignInMethod.CODE, client=sessions.Client(), now=NOW
    )
    text = tokens.issue(session=opened.session, now=NOW).text
    assert "custom:org_id" not in claims_of(text)
    assert tokens.verify(text, now=NOW).organization_id is None


def test_signing_and_checking_ask_the_database_nothing(session: Session, django_assert_num_queries: Any) -> None:
    tokens.issue(session=session, now=NOW)
    with django_assert_num_queries(0):
        tokens.verify(tokens.issue(session=session, now=NOW).text, now=NOW)


def test_a_signature_is_checked_once_while_the_keys_stay(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.issue(session=session, now=NOW)
    first = tokens.verify(token.text, now=NOW)
    monkeypatch.setattr(jwt, "decode", lambda *given, **options: 1 / 0)
    assert tokens.verify(token.text, now=NOW) == first
    with pytest.raises(Unauthenticated):
        tokens.verify(token.text, now=token.expires_at)
    signing_keys.known.forget()
    with pytest.raises(ZeroDivisionError):
        tokens.verify(token.text, now=NOW)


def by_another_key(good: str) -> str:
    kid, _ = signing_keys.current()
    return jwt.encode(claims_of(good), generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": kid})


def unsigned(good: str, algorithm: str | None = "none") -> str:
    kid, _ = signing_keys.current()
    return f"{part({'alg': algorithm, 'typ': 'JWT', 'kid': kid})}.{part(claims_of(good))}."


def by_hmac(good: str, encoding: Encoding) -> str:
    """Signed with what everybody knows: the public key, taken for a shared secret."""
    kid, key = signing_keys.current()
    form = PublicFormat.PKCS1 if encoding is Encoding.DER else PublicFormat.SubjectPublicKeyInfo
    secret = key.public_key().public_bytes(encoding, form)
    body = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{part(claims_of(good))}"
    signature = hmac.new(secret, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


BAD = {
    "expired": ("expired", lambda good: signed({**claims_of(good), "exp": int(NOW.timestamp())})),
    "issuer": ("wrong_issuer", lambda good: signed({**claims_of(good), "iss": "https://elsewhere.example"})),
    "none": ("unsigned", unsigned),
    "None": ("unsigned", lambda good: unsigned(good, "None")),
    "no algorithm": ("malformed", lambda good: unsigned(good, None)),
    "hmac pem": ("wrong_algorithm", lambda good: by_hmac(good, Encoding.PEM)),
    "hmac der": ("wrong_algorithm", lambda good: by_hmac(good, Encoding.DER)),
    "PS256": (
        "wrong_algorithm",
        lambda good: jwt.encode(
            claims_of(good), signing_keys.current()[1], algorithm="PS256", headers={"kid": signing_keys.current()[0]}
        ),
    ),
    "unknown kid": ("unknown_key", lambda good: signed(claims_of(good), kid=uuid4().hex)),
    "no kid": ("unknown_key", lambda good: jwt.encode(claims_of(good), signing_keys.current()[1], algorithm="RS256")),
    "another key": ("wrong_signature", by_another_key),
    "changed": (
        "wrong_signature",
        lambda good: ".".join(
            [good.split(".")[0], part({**claims_of(good), "email": "other@example.com"}), good.split(".")[2]]
        ),
    ),
    "no session": ("missing_claim", lambda good: signed({k: v for k, v in claims_of(good).items() if k != "sid"})),
    "odd session": ("malformed", lambda good: signed({**claims_of(good), "sid": "x"})),
    "odd organization": ("malformed", lambda good: signed({**claims_of(good), "custom:org_id": ["x"]})),
    "odd expiry": ("malformed", lambda good: signed({**claims_of(good), "exp": "soon"})),
    "empty": ("malformed", lambda good: ""),
    "no token": ("malformed", lambda good: "pidgr"),
    "not ASCII": ("malformed", lambda good: "ä.ö.ü"),
    "long": ("malformed", lambda good: good + "x" * 5000),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens_differ_in_the_log_and_not_in_the_answer(
    name: str, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    reason, make = BAD[name]
    text = make(tokens.issue(session=session, now=NOW).text)
    caplog.set_level(logging.INFO)
    with pytest.raises(Unauthenticated) as refusal:
        tokens.verify(text, now=NOW)
    assert refusal.value.message == Unauthenticated().message
    assert [vars(record)["reason"] for record in caplog.records if record.message == "token.refused"] == [reason]
    assert all(text not in str(vars(record)) for record in caplog.records if text)


@pytest.mark.parametrize(("name", "algorithm"), [("none", "none"), ("hmac pem", "HS256"), ("PS256", "PS256")])
def test_the_log_names_the_algorithm_that_was_tried(
    name: str, algorithm: str, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(Unauthenticated):
        tokens.verify(BAD[name][1](tokens.issue(session=session, now=NOW).text), now=NOW)
    assert vars(caplog.records[-1])["algorithm"] == algorithm


def test_a_token_lasts_as_long_as_it_says(session: Session) -> None:
    token = tokens.issue(session=session, now=NOW)
    tokens.verify(token.text, now=token.expires_at - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        tokens.verify(token.text, now=token.expires_at)
