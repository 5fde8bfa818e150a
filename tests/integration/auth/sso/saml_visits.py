"""Visits to the SAML provider of acme.example."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.integration.auth.conftest import Caller
from tests.integration.auth.sso.visits import begin
from tests.saml import encoded, query

NAME = "saml-acme.example"
ACS, ENTITY_ID = f"http://localhost:8000/auth/sso/{NAME}/acs", f"http://localhost:8000/auth/sso/{NAME}/metadata"


def bring(caller: Caller, response: Any, state: str = "", name: str = NAME) -> Any:
    """Post a response of lxml, or a text in its place, to the provider's address."""
    text = response if isinstance(response, str) else encoded(response)
    form = urlencode({"SAMLResponse": text, "RelayState": state})
    return caller.post(f"/auth/sso/{name}/acs", form, content_type="application/x-www-form-urlencoded")


class Visit:
    """Somebody who began, and now brings an answer."""

    def __init__(self, **more: Any) -> None:
        self.caller = Caller()
        self.url = begin(self.caller, NAME, **more)
        members = query(self.url)
        # Of the provider's own page, or of ours that posts to it.
        self.state = members.get("RelayState") or members["state"]

    def bring(self, response: Any) -> Any:
        return bring(self.caller, response, self.state)
