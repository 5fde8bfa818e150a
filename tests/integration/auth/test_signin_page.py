"""The sign-in page as it is served, and the console's own sign-in beside it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ops_console.access.models import Session
from ops_console.organizations.models import Member, Person
from tests import factories

from .conftest import Caller

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


def with_password(person: Person) -> Person:
    person.set_password(PASSWORD)
    person.save()
    return person


def enter_password(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post("/admin/login/?next=/admin/", {"username": email, "password": password})


def test_the_page_needs_neither_internet_nor_inline_code(client: Client) -> None:
    answer = client.get("/signin")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert "<style" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/access/')
    for name in ("signin.js", "session.js", "webauthn.js", "signin.css"):
        assert client.head(f"/static/access/{name}").status_code == 200
    assert client.post("/signin").status_code == 405


def test_the_page_knows_who_comes_back(caller: Caller, member: Member) -> None:
    def is_signed_in() -> bool:
        return 'data-signed-in="yes"' in caller.get("/signin").content.decode()

    assert not is_signed_in()
    caller.enter(member.person.email, cookie=True)
    assert is_signed_in()
    Session.objects.update(ended_at="2026-01-01T00:00:00Z")
    assert not is_signed_in()


@pytest.mark.parametrize(("path", "is_signed_in"), [("/signin", True), ("/signin?next=/admin/", False)])
def test_staff_whose_console_session_is_over_sign_in_anew_to_come_there(
    path: str, is_signed_in: bool, caller: Caller
) -> None:
    caller.enter(factories.member_of_staff("Operations").email, cookie=True)
    page = caller.get(path).content.decode()
    assert 'data-signed-in="yes" data-in-console="yes"' in page
    del caller.cookies["sessionid"]
    page = caller.get(path).content.decode()
    assert f'data-signed-in="{"yes" if is_signed_in else "no"}" data-in-console="no"' in page


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("/admin/pigeon_messages/message/?status=queued", "/admin/pigeon_messages/message/?status=queued"),
        ("https://evil.example/", ""),
        ("//evil.example/", ""),
        ("/\\evil.example/", ""),
        ("javascript:alert(1)", ""),
        ('/"><script>', "/&quot;&gt;&lt;script&gt;"),
    ],
)
def test_it_leads_on_within_this_house_alone(wanted: str, told: str, client: Client) -> None:
    page = client.get("/signin", {"next": wanted}).content.decode()
    assert f'data-next="{told}"' in page


def test_the_consoles_sign_in_leads_there(client: Client) -> None:
    page = client.get("/admin/login/?next=/admin/outbox/webhook/").content.decode()
    assert 'href="/signin?next=%2Fadmin%2Foutbox%2Fwebhook%2F"' in page


def test_a_password_is_for_superusers(client: Client) -> None:
    operator = with_password(factories.member_of_staff("Operations"))
    assert b"A password is for superusers alone" in enter_password(client, operator.email).content
    assert "sessionid" not in client.cookies
    superuser = with_password(factories.superuser())
    assert enter_password(client, superuser.email).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_wrong_passwords_are_limited_by_client(settings: Any) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 2
    client = Caller()
    superuser = with_password(factories.superuser())
    answers = [enter_password(client, superuser.email, "wrong").content for _ in range(3)]
    assert [b"Too many requests" in answer for answer in answers] == [False, False, True]
    assert enter_password(client, superuser.email).status_code == 302


def test_leaving_the_console_leaves_the_page_too(caller: Caller) -> None:
    person = factories.member_of_staff("Operations")
    caller.enter(person.email, cookie=True)
    assert caller.post("/admin/logout/").status_code == 200
    assert caller.cookies["refresh"].value == ""
    assert Session.objects.get(person=person).ended_for == "signed_out"
