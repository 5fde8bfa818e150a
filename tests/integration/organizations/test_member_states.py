"""Every pair of a member's states, through the table."""

from __future__ import annotations

import pytest

from ops_console.errors import InvalidTransition
from ops_console.organizations.models import Member, MemberStatus
from ops_console.organizations.services import invitations
from ops_console.organizations.services.member_states import MEMBERS
from tests import factories, tenants
from tests.factories import NOW

pytestmark = pytest.mark.django_db

ALLOWED = {
    ("invited", "active"),
    ("invited", "deactivated"),
    ("active", "deactivated"),
    ("deactivated", "invited"),
}


def member_in(status: str) -> Member:
    return tenants.member(factories.organization(), status=MemberStatus(status))


@pytest.mark.parametrize("to", MemberStatus.values)
@pytest.mark.parametrize("old", MemberStatus.values)
def test_the_table_allows_these_moves_and_no_others(old: str, to: str) -> None:
    member = member_in(old)
    if (old, to) in ALLOWED:
        assert MEMBERS.move_one(member.pk, to, actor="test", at=NOW, reason="why") == old
        event = member.events.get()
        assert (event.from_status, event.to_status, event.actor, event.reason) == (old, to, "test", "why")
    else:
        with pytest.raises(InvalidTransition) as refused:
            MEMBERS.move_one(member.pk, to, actor="test", at=NOW)
        assert (refused.value.current, refused.value.wanted) == (old, to)
        assert not member.events.exists()
    member.refresh_from_db()
    assert member.status == (to if (old, to) in ALLOWED else old)


def test_accepting_makes_an_invited_member_active_once_and_leaves_an_active_one_alone() -> None:
    member = member_in("invited")
    assert invitations.accept(member=member, now=NOW).status == "active"
    assert invitations.accept(member=member, now=NOW).status == "active"
    assert [event.to_status for event in member.events.all()] == ["active"]


def test_a_deactivated_member_accepts_nothing() -> None:
    member = member_in("deactivated")
    with pytest.raises(InvalidTransition):
        invitations.accept(member=member, now=NOW)
    member.refresh_from_db()
    assert member.status == "deactivated"
