"""Somebody who calls /auth, from an address of his own so that nobody else's limits are met."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import pytest
from django.test import Client

from ops_console.letters import services as letters
from ops_console.letters.models import Letter
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.models import Member
from tests import factories, tenants
from tests.bearers import token_of
from tests.fakes.authenticator import Authenticator

ORIGIN = "http://localhost:8000"


class Caller(Client):
    """A program, or with ``cookie`` in its bodies a page of ours."""

    def __init__(self, token: str = "") -> None:
        # A customer's network of its own (RFC 3849).
        network = ":".join(f"{1 + secrets.randbelow(0xFFFF):x}" for _ in range(2))
        headers: Any = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
        super().__init__(REMOTE_ADDR=f"2001:db8:{network}::1", HTTP_ORIGIN=ORIGIN, **headers)

    def call(self, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self.generic(method, f"/auth/{path}", content, content_type="application/json", headers=headers)

    def code_for(self, email: str) -> str:
        """Ask for a code, and read it in the e-mail."""
        assert self.call("otp/start", {"email": email}).status_code == 202
        return code_sent_to(normal_email(email))

    def enter(self, email: str, **more: Any) -> Any:
        return self.call("otp/verify", {"email": email, "code": self.code_for(email), **more})

    def add_passkey(self, authenticator: Authenticator, **more: Any) -> Any:
        options = self.call("passkeys/register/options").json()
        return self.call("passkeys/register/verify", {"credential": authenticator.create(options), **more})

    def enter_by(self, authenticator: Authenticator, **more: Any) -> Any:
        options = self.call("passkeys/login/options").json()
        return self.call("passkeys/login/verify", {"credential": authenticator.get(options), **more})


def code_sent_to(email: str) -> str:
    letter = Letter.objects.filter(to=email, template="code").latest("created_at", "id")
    found = re.search(r"\b\d{6}\b", letters.unseal(letter).text)
    assert found
    return found[0]


@pytest.fixture(autouse=True)
def wide_limits(settings: Any) -> None:
    """Many tests write to one address within the hour."""
    settings.CODES_PER_EMAIL_PER_HOUR = settings.WRONG_CODES_PER_EMAIL_PER_DAY = 1000


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def member(db: None) -> Member:
    return tenants.member(factories.organization())


@pytest.fixture
def signed_in(member: Member) -> Caller:
    """The member, with an access token."""
    return Caller(token_of(member))
