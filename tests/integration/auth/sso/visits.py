"""Visits to identity providers: begun here, and come back from there."""

from __future__ import annotations

from typing import Any

from ops_console.access.models import Session
from tests.integration.auth.conftest import ORIGIN, Caller
from tests.saml import query


def begin(caller: Caller, name: str, **more: Any) -> str:
    """Where the page sends the browser."""
    answer = caller.call("sso/start", {"provider": name, **more})
    assert answer.status_code == 200, answer.content
    return str(answer.json()["url"])


def come_back(caller: Caller, url: str) -> Any:
    return caller.get(url.removeprefix(ORIGIN))


def tokens(caller: Caller, **more: Any) -> Any:
    """What the page fetches, once it is back."""
    return caller.call("token/refresh", {"cookie": True, **more})


def problem(back: Any) -> str:
    """What the person is told; nobody was let in."""
    assert back.status_code == 303
    assert "refresh" not in back.cookies
    n_let_in, _ = Session.objects.filter(method="sso").delete()
    assert not n_let_in
    return told(back)


def told(back: Any) -> str:
    return query(back["Location"])["problem"]
