from __future__ import annotations

from io import StringIO

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ops_console.access.models import Session
from ops_console.access.services import tokens
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.services.joining import join
from tests import factories, tenants
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def issue(*arguments: str) -> str:
    out = StringIO()
    call_command("issuetoken", *arguments, stdout=out)
    return out.getvalue().splitlines()[-1]


@pytest.fixture
def member() -> Member:
    return tenants.member(factories.organization())


def test_the_last_line_is_a_token_of_a_session(member: Member) -> None:
    text = issue(member.person.email.upper())
    claims = tokens.verify(text, now=timezone.now())
    assert (claims.person_id, claims.organization_id) == (member.person_id, member.organization_id)
    assert Session.objects.get(pk=claims.session_id).method == "command"
    entry = AuditEntry.objects.get(action="session.issue")
    assert (entry.actor, entry.chain_id) == ("command:issuetoken", str(member.organization_id))


def test_an_invited_member_becomes_active(member: Member) -> None:
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.INVITED)
    claims = tokens.verify(issue(member.person.email), now=timezone.now())
    assert claims.organization_id == member.organization_id
    member.refresh_from_db()
    assert member.status == MemberStatus.ACTIVE


def test_a_member_of_several_names_one(member: Member) -> None:
    other = factories.organization("Wings Ltd")
    join(organization=other, person=member.person, role=tenants.role(other), now=NOW)
    with pytest.raises(CommandError, match=r"--org: .*Wings Ltd"):
        issue(member.person.email)
    text = issue(member.person.email, "--org", "Wings Ltd")
    assert jwt.decode(text, options={"verify_signature": False})["custom:org_id"] == str(other.id)
    assert issue(member.person.email, "--org", str(member.organization_id))


def test_an_unknown_address_gets_a_token_without_an_organization() -> None:
    claims = tokens.verify(issue("somebody@new.example"), now=timezone.now())
    assert claims.organization_id is None
    assert Person.objects.get(email="somebody@new.example").id == claims.person_id


@pytest.mark.parametrize("arguments", [["no address"], ["outsider@example.com", "--org", "Nowhere"]])
def test_mistakes_are_told_in_a_sentence(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        issue(*arguments)
    assert not Session.objects.exists()


def test_those_who_may_not_sign_in_are_refused(member: Member) -> None:
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.DEACTIVATED)
    with pytest.raises(CommandError):
        issue(member.person.email, "--org", str(member.organization_id))
    Person.objects.update(is_active=False)
    with pytest.raises(CommandError):
        issue(member.person.email)
    assert not Session.objects.exists()
