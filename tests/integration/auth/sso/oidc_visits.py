"""Visits to the OpenID provider of acme.example."""

from __future__ import annotations

from typing import Any

from tests.integration.auth.conftest import Caller
from tests.integration.auth.sso.visits import begin, come_back
from tests.openid import OpenIdProvider
from tests.saml import query

NAME = "oidc-acme.example"


def sign_in(caller: Caller, openid: OpenIdProvider, user: str = "ann", **more: Any) -> Any:
    return come_back(caller, openid.sign_in(begin(caller, NAME, **more), user))


class Visit:
    """Somebody who began, and comes back with a code, whatever the provider thought of it."""

    def __init__(self) -> None:
        self.caller = Caller()
        self.url = begin(self.caller, NAME)
        self.nonce, self.state = (query(self.url)[name] for name in ("nonce", "state"))

    def come_back(self, **members: str) -> Any:
        return self.caller.get(f"/auth/sso/{NAME}/callback", {"code": "any", "state": self.state, **members})
