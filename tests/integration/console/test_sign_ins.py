"""How a person signs in, on the person's page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from ops_console.access.models import Passkey, Session
from ops_console.access.services import sessions
from ops_console.organizations.models import Person
from tests import factories, tenants
from tests.bearers import session_of

from .conftest import action_of, confirm, page_of, select, told

pytestmark = pytest.mark.django_db


def test_passkeys_and_sign_ins_are_shown_to_staff(client: Client) -> None:
    member = tenants.member(factories.organization("Wings Ltd"))
    ended, _ = session_of(member.person, member), session_of(member.person, member)
    sessions.end_session(session_id=ended.id, reason=sessions.REUSED, now=timezone.now())
    Passkey.objects.create(
        person=member.person, name="Her phone", credential_id=b"c", public_key=b"secret", created_at=timezone.now()
    )
    client.force_login(factories.member_of_staff("Operations"))
    page = client.get(f"/admin/organizations/person/{member.person_id}/change/").content.decode()
    assert "Her phone" in page
    assert "Wings Ltd" in page
    assert "token reused" in page
    assert "secret" not in page


def test_all_sessions_of_a_person_are_ended_the_consoles_too(
    operator: Client, signed_in: Callable[[Person], Client]
) -> None:
    person = factories.member_of_staff("Auditor")
    session_of(person, None)
    theirs = signed_in(person)
    assert theirs.get("/admin/").status_code == 200
    url = action_of(person, "end-sessions")
    assert "Who is signed in anywhere has to sign in again" in operator.get(url).content.decode()
    assert "signed out everywhere" in told(confirm(operator, url, reason="A stolen phone"))
    assert Session.objects.get().ended_for == "ended_by_staff"
    assert theirs.get("/admin/").status_code == 302
    assert "ended by staff" in operator.get(page_of(person)).content.decode()
    # A session that begins later is good.
    assert signed_in(Person.objects.get(pk=person.pk)).get("/admin/").status_code == 200


def test_sessions_of_several_people_are_ended_at_once(operator: Client) -> None:
    people = [factories.outsider(), factories.outsider()]
    for person in people:
        session_of(person, None)
    told(select(operator, "end-sessions", *people, reason="A list of passwords"))
    assert not Session.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize("who", ["financier", "viewer", "clerk"])
def test_others_end_none(request: pytest.FixtureRequest, who: str) -> None:
    person = factories.outsider()
    session_of(person, None)
    client: Client = request.getfixturevalue(who)
    forced = {"confirmed": "1", "once": "x", "reason": "Spite"}
    assert client.post(action_of(person, "end-sessions"), forced).status_code == 403
    assert Session.objects.get().ended_at is None
