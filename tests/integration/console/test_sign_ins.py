"""How a person signs in, on the person's page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from ops_console.access.models import Passkey
from ops_console.access.services import sessions
from tests import factories, tenants
from tests.bearers import session_of

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
