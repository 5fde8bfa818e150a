"""Refreshing, signing out, the browser's cookie, and what others check tokens by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.utils import timezone

from ops_console.access.models import Session
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from ops_console.organizations.services.joining import join
from tests import bearers, factories, tenants

from .conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(db: None) -> Member:
    return tenants.member(factories.organization(), Right.ORG_READ)


@pytest.fixture
def entered(caller: Caller, reader: Member) -> dict[str, Any]:
    body: dict[str, Any] = caller.enter(reader.person.email).json()
    return body


def reads(token: str) -> int:
    return int(Caller(token).get("/api/v1/accounts").status_code)


def test_a_refresh_gives_new_tokens(caller: Caller, entered: dict[str, Any]) -> None:
    answer = caller.call("token/refresh", {"refresh_token": entered["refresh_token"]})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert answer.json().keys() == entered.keys()
    assert answer.json()["refresh_token"] != entered["refresh_token"]
    assert reads(answer.json()["access_token"]) == 200
    # The earlier access token is good until it expires.
    assert reads(entered["access_token"]) == 200


def test_a_refresh_may_come_as_a_form(caller: Caller, entered: dict[str, Any]) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": entered["refresh_token"]}
    form_type = "application/x-www-form-urlencoded"
    body = "&".join(f"{name}={value}" for name, value in form.items())
    answer = caller.generic("POST", "/auth/token/refresh", body, content_type=form_type)
    assert reads(answer.json()["access_token"]) == 200
    wrong = caller.generic("POST", "/auth/token/refresh", "grant_type=password&refresh_token=x", content_type=form_type)
    assert wrong.status_code == 400
    # Where codes are taken a form is not: another site's page could send one.
    assert caller.generic("POST", "/auth/otp/start", "email=a@b.example", content_type=form_type).status_code == 415


def test_reuse_ends_the_session_at_once(caller: Caller, entered: dict[str, Any]) -> None:
    fresh = caller.call("token/refresh", {"refresh_token": entered["refresh_token"]}).json()
    # A page reloaded twice: what it had sent comes again, for the answer was lost.
    again = caller.call("token/refresh", {"refresh_token": entered["refresh_token"]})
    assert again.status_code == 200
    assert again.json()["refresh_token"] not in (entered["refresh_token"], fresh["refresh_token"])
    assert reads(fresh["access_token"]) == reads(again.json()["access_token"]) == 200
    with time_machine.travel(timedelta(seconds=31)):
        thief = Caller().call("token/refresh", {"refresh_token": entered["refresh_token"]})
    assert thief.status_code == 401
    assert thief["WWW-Authenticate"].startswith("Bearer")
    assert reads(fresh["access_token"]) == 401
    assert caller.call("token/refresh", {"refresh_token": fresh["refresh_token"]}).status_code == 401
    assert Session.objects.get().ended_for == "token_reused"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"refresh_token": 7}, 400),
        ({"refresh_token": "x" * 300}, 400),
        ({"refresh_token": "pidgr_r_nothing"}, 401),
        ({"cookie": True}, 401),
        ({"refresh_token": "x", "organization_id": "x"}, 400),
    ],
)
def test_refreshes_that_do_not_count(caller: Caller, body: Any, status: int) -> None:
    assert caller.call("token/refresh", body).status_code == status


def test_wrong_refreshes_are_limited_by_client(caller: Caller, settings: Any, entered: dict[str, Any]) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 3
    statuses = [caller.call("token/refresh", {"refresh_token": "x"}).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    # A good one always passes.
    assert caller.call("token/refresh", {"refresh_token": entered["refresh_token"]}).status_code == 200


def test_moving_to_another_organization(caller: Caller, entered: dict[str, Any], reader: Member) -> None:
    other = factories.organization("Wings Ltd")
    join(organization=other, person=reader.person, role=tenants.role(other, Right.ORG_READ), now=timezone.now())
    body = {"refresh_token": entered["refresh_token"], "organization_id": str(other.id)}
    moved = caller.call("token/refresh", body).json()
    assert moved["organization"]["name"] == "Wings Ltd"
    assert reads(moved["access_token"]) == 200
    assert reads(entered["access_token"]) == 401
    body = {"refresh_token": moved["refresh_token"], "organization_id": str(factories.organization().id)}
    assert caller.call("token/refresh", body).status_code == 403


@pytest.mark.parametrize("by", ["refresh token", "access token"])
def test_signing_out_ends_every_token_at_once(by: str, caller: Caller, entered: dict[str, Any]) -> None:
    if by == "refresh token":
        answer = caller.call("signout", {"refresh_token": entered["refresh_token"]})
    else:
        answer = Caller(entered["access_token"]).call("signout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert reads(entered["access_token"]) == 401
    assert caller.call("token/refresh", {"refresh_token": entered["refresh_token"]}).status_code == 401
    assert Session.objects.get().ended_for == "signed_out"


def test_signing_out_again_and_without_anything(caller: Caller, entered: dict[str, Any]) -> None:
    for token in (entered["refresh_token"], entered["refresh_token"], "pidgr_r_nothing"):
        assert caller.call("signout", {"refresh_token": token}).status_code == 204
    assert caller.call("signout").status_code == 401
    assert Caller("wrong").call("signout").status_code == 401
    assert Caller(bearers.key_text(factories.organization(), Right.ORG_READ)).call("signout").status_code == 401
    assert caller.call("signout", {"refresh_token": 7}).status_code == 400


# --- In a browser -------------------------------------------------------------------------------------------------


def test_a_page_of_ours_keeps_its_refresh_token_where_scripts_cannot_read_it(caller: Caller, reader: Member) -> None:
    answer = caller.enter(reader.person.email, cookie=True)
    assert "refresh_token" not in answer.json()
    cookie = answer.cookies["refresh"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("Lax", "/", 30 * 24 * 3600)
    again = caller.call("token/refresh", {"cookie": True})
    assert again.cookies["refresh"].value != cookie.value
    assert reads(again.json()["access_token"]) == 200
    assert caller.call("signout", {"cookie": True}).status_code == 204
    assert caller.cookies["refresh"].value == ""
    assert reads(again.json()["access_token"]) == 401


def test_over_tls_the_cookie_is_bound_to_the_host(caller: Caller, reader: Member, settings: Any) -> None:
    settings.IS_HTTPS = True
    cookie = caller.enter(reader.person.email, cookie=True).cookies["__Host-refresh"]
    assert cookie["secure"]
    assert (cookie["path"], cookie["domain"]) == ("/", "")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8001", ""])
def test_pages_of_others_get_and_use_no_cookie(origin: str, caller: Caller, reader: Member) -> None:
    code = caller.code_for(reader.person.email)
    caller.enter(reader.person.email, cookie=True)
    caller.defaults["HTTP_ORIGIN"] = origin
    bodies = {
        "otp/verify": {"email": reader.person.email, "code": code, "cookie": True},
        "token/refresh": {"cookie": True},
        "signout": {"cookie": True},
        "passkeys/login/verify": {"credential": {}, "cookie": True},
    }
    for path, body in bodies.items():
        assert caller.call(path, body).status_code == 403, path


def test_staff_get_a_console_session_from_a_code(caller: Caller) -> None:
    person = factories.member_of_staff("Operations")
    body = caller.enter(person.email, cookie=True).json()
    assert body["person"]["is_staff"]
    assert caller.get("/admin/").status_code == 200
    assert caller.call("signout", {"cookie": True}).status_code == 204
    assert caller.get("/admin/").status_code == 302


@pytest.mark.parametrize("cookie", [True, False])
def test_nobody_else_does(cookie: bool, caller: Caller, reader: Member) -> None:
    person = reader.person if cookie else factories.member_of_staff("Operations")
    caller.enter(person.email, cookie=cookie)
    assert "sessionid" not in caller.cookies
    assert caller.get("/admin/").status_code == 302


def test_a_refresh_opens_no_console(caller: Caller) -> None:
    person = factories.outsider()
    caller.enter(person.email, cookie=True)
    person.is_staff = True
    person.save()
    assert caller.call("token/refresh", {"cookie": True}).status_code == 200
    assert caller.get("/admin/").status_code == 302


# --- What others check tokens by ----------------------------------------------------------------------------------


def test_others_can_check_tokens_by_what_is_published(caller: Caller, entered: dict[str, Any]) -> None:
    metadata = caller.get("/.well-known/oauth-authorization-server")
    assert metadata["Content-Type"] == "application/json"
    told = metadata.json()
    assert told["issuer"] == "http://localhost:8000"
    assert told["token_endpoint"] == "http://localhost:8000/auth/token/refresh"
    assert {"response_types_supported", "grant_types_supported"} <= told.keys()
    key_set = caller.get(told["jwks_uri"].removeprefix(told["issuer"]))
    assert key_set["Cache-Control"] == metadata["Cache-Control"] == "public, max-age=3600"
    token = entered["access_token"]
    key = jwt.PyJWKSet.from_dict(key_set.json())[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["RS256"], issuer=told["issuer"])["sub"]
    assert caller.post("/.well-known/jwks.json").status_code == 405
