from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from ops_console.access.actors import Actor
from ops_console.access.models import RefreshToken, Session, SignInMethod
from ops_console.access.services import sessions, sign_in
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import Choice, SignedIn
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, NotFound, Unauthenticated
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.services.joining import join
from tests import factories, tenants
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db
SOON = NOW + timedelta(minutes=15)
HERE = Client("192.0.2.7", "Browser/1.0\n")


def enter(person: Person, organization_id: UUID | None = None) -> SignedIn | Choice:
    return sign_in.enter(person=person, organization_id=organization_id, method=SignInMethod.CODE, client=HERE, now=NOW)


def signed_in(person: Person, organization_id: UUID | None = None) -> SignedIn:
    entered = enter(person, organization_id)
    assert isinstance(entered, SignedIn)
    return entered


def refresh(token: str, *, at: datetime = SOON, organization_id: UUID | None = None) -> SignedIn:
    return sign_in.refresh(refresh_token=token, organization_id=organization_id, now=at)


@pytest.fixture
def member() -> Member:
    return tenants.member(factories.organization())


@pytest.fixture
def elsewhere(member: Member) -> Member:
    """The same person, in another organization."""
    other = factories.organization("Wings Ltd")
    return join(organization=other, person=member.person, role=tenants.role(other), now=NOW)


def test_one_membership_is_entered(member: Member) -> None:
    entered = signed_in(member.person)
    assert entered.session.member == member
    row = Session.objects.get()
    assert (row.address, row.client, row.method) == ("192.0.2.7", "Browser/1.0", "code")
    assert row.expires_at == NOW + timedelta(days=30)


def test_none_gives_a_session_without_an_organization() -> None:
    assert signed_in(factories.outsider()).session.member is None


def test_several_have_to_be_chosen_from(member: Member, elsewhere: Member) -> None:
    choice = enter(member.person)
    assert choice == Choice((member.organization, elsewhere.organization))
    assert not Session.objects.exists()
    assert signed_in(member.person, elsewhere.organization_id).session.member == elsewhere


def test_another_organization_is_refused(member: Member) -> None:
    with pytest.raises(Forbidden):
        enter(member.person, factories.organization().id)


def test_a_deactivated_membership_counts_for_nothing(member: Member) -> None:
    Member.objects.update(status=MemberStatus.DEACTIVATED)
    assert signed_in(member.person).session.member is None
    with pytest.raises(Forbidden):
        enter(member.person, member.organization_id)


def test_an_inactive_person_is_refused(member: Member) -> None:
    Person.objects.filter(pk=member.person_id).update(is_active=False)
    member.person.refresh_from_db()
    with pytest.raises(Unauthenticated):
        enter(member.person)


# --- Refresh -------------------------------------------------------------------------------------------------------


def test_each_refresh_gives_the_next_token_and_keeps_the_session_alive(member: Member) -> None:
    first = signed_in(member.person)
    second = refresh(first.refresh_token)
    third = refresh(second.refresh_token, at=SOON + timedelta(days=29))
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert {first.session, second.session, third.session} == {Session.objects.get()}
    assert Session.objects.get().expires_at == SOON + timedelta(days=59)


def test_only_digests_are_stored(member: Member) -> None:
    token = signed_in(member.person).refresh_token
    assert token.startswith("pidgr_r_")
    assert len(bytes(RefreshToken.objects.get().token_digest)) == 32


def test_a_token_used_again_ends_the_session(member: Member, caplog: pytest.LogCaptureFixture) -> None:
    first = signed_in(member.person)
    second = refresh(first.refresh_token)
    late = SOON + sessions.GRACE
    with pytest.raises(Unauthenticated):
        refresh(first.refresh_token, at=late)
    row = Session.objects.get()
    assert (row.ended_at, row.ended_for) == (late, "token_reused")
    with pytest.raises(Unauthenticated):
        refresh(second.refresh_token)
    entry = AuditEntry.objects.get(action="session.token_reused")
    assert (entry.target_id, entry.chain_id) == (str(row.id), str(member.organization_id))


def ends(token: str, *, at: datetime) -> bool:
    """Whether the use of it is refused and ends the session."""
    try:
        refresh(token, at=at)
    except Unauthenticated:
        return Session.objects.latest("id").ended_for == "token_reused"
    return False


def test_a_token_whose_answer_was_lost_may_be_used_again_at_once(member: Member) -> None:
    at = [SOON + seconds * timedelta(seconds=1) for seconds in range(60)]
    first = signed_in(member.person)
    lost, again = refresh(first.refresh_token, at=at[0]), refresh(first.refresh_token, at=at[29])
    assert len({first.refresh_token, lost.refresh_token, again.refresh_token}) == 3
    # So it is with the one that was used of these two, from its own use on.
    second = refresh(again.refresh_token, at=at[29])
    third = refresh(refresh(again.refresh_token, at=at[58]).refresh_token, at=at[58])
    assert (third.session, Session.objects.get().ended_at) == (first.session, None)
    assert not AuditEntry.objects.filter(action="session.token_reused").exists()
    # Those given beside it are void, however soon they come.
    assert ends(second.refresh_token, at=at[58])
    assert AuditEntry.objects.filter(action="session.token_reused").count() == 1
    with pytest.raises(Unauthenticated):
        refresh(third.refresh_token, at=at[59])


def test_nothing_but_the_last_token_used_may_be_used_again(member: Member) -> None:
    # Its successor has been used, a moment before.
    first = signed_in(member.person)
    refresh(refresh(first.refresh_token).refresh_token)
    assert ends(first.refresh_token, at=SOON)
    first = signed_in(member.person)
    lost, again = refresh(first.refresh_token), refresh(first.refresh_token)
    refresh(lost.refresh_token)
    assert ends(again.refresh_token, at=SOON)
    # The grace counts from the first use.
    first = signed_in(member.person)
    refresh(first.refresh_token)
    refresh(first.refresh_token, at=SOON + timedelta(seconds=29))
    assert ends(first.refresh_token, at=SOON + timedelta(seconds=30))


@pytest.mark.parametrize("why", ["unknown", "ended", "expired", "inactive", "deactivated"])
def test_refusals_differ_in_the_log_and_not_in_the_answer(
    why: str, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    entered = signed_in(member.person)
    token, at = entered.refresh_token, SOON
    if why == "unknown":
        token = "pidgr_r_nothing"
    elif why == "ended":
        sessions.end_session(session_id=entered.session.id, reason="signed_out", now=NOW)
    elif why == "expired":
        at = NOW + timedelta(days=30)
    elif why == "inactive":
        Person.objects.update(is_active=False)
    else:
        Member.objects.update(status=MemberStatus.DEACTIVATED)
    caplog.set_level(logging.INFO)
    assert sessions.find(refresh_token=token, now=at) is None
    with pytest.raises(Unauthenticated) as refusal:
        refresh(token, at=at)
    assert refusal.value.message == Unauthenticated().message
    reasons = {
        "unknown": "unknown_refresh_token",
        "ended": "session_ended",
        "expired": "session_expired",
        "inactive": "person_inactive",
        "deactivated": "member_deactivated",
    }
    assert [vars(record)["reason"] for record in caplog.records if record.message == "token.refused"] == [reasons[why]]
    assert token not in caplog.text


def test_a_refresh_may_move_to_another_organization(member: Member, elsewhere: Member) -> None:
    first = signed_in(member.person, member.organization_id)
    moved = refresh(first.refresh_token, organization_id=elsewhere.organization_id)
    assert (moved.session, moved.session.member) == (first.session, elsewhere)
    assert Session.objects.get().member == elsewhere
    again = refresh(moved.refresh_token, organization_id=elsewhere.organization_id)
    assert again.session == moved.session


def test_a_token_that_moved_its_session_betrays_whoever_uses_it_again(member: Member, elsewhere: Member) -> None:
    first = signed_in(member.person, member.organization_id)
    moved = refresh(first.refresh_token, organization_id=elsewhere.organization_id)
    assert refresh(first.refresh_token).session.member == elsewhere
    with pytest.raises(Unauthenticated):
        refresh(first.refresh_token, at=SOON + sessions.GRACE)
    assert Session.objects.get().ended_for == "token_reused"
    with pytest.raises(Unauthenticated):
        refresh(moved.refresh_token)


def test_an_invited_member_who_moves_becomes_active(member: Member, elsewhere: Member) -> None:
    Member.objects.filter(pk=elsewhere.pk).update(status=MemberStatus.INVITED)
    first = signed_in(member.person, member.organization_id)
    refresh(first.refresh_token, organization_id=elsewhere.organization_id)
    elsewhere.refresh_from_db()
    assert elsewhere.status == MemberStatus.ACTIVE


def test_a_move_that_is_refused_uses_nothing_up(member: Member) -> None:
    first = signed_in(member.person)
    with pytest.raises(Forbidden):
        refresh(first.refresh_token, organization_id=factories.organization().id)
    assert refresh(first.refresh_token, at=SOON + timedelta(hours=1)).session == first.session


# --- Ends ----------------------------------------------------------------------------------------------------------


def test_ending_the_sessions_of_a_member_leaves_those_elsewhere(member: Member, elsewhere: Member) -> None:
    here = [signed_in(member.person, member.organization_id) for _ in range(2)]
    there = signed_in(member.person, elsewhere.organization_id)
    assert sessions.end_sessions_of_member(member_id=member.id, reason="deactivated", now=SOON) == 2
    assert sessions.end_sessions_of_member(member_id=member.id, reason="deactivated", now=SOON) == 0
    for entered in here:
        with pytest.raises(Unauthenticated):
            refresh(entered.refresh_token)
    assert refresh(there.refresh_token)


def end_all(person_id: UUID, actor: Actor = COMMAND) -> int:
    return sessions.end_sessions_of_person(person_id=person_id, actor=actor, now=SOON, reason="A stolen phone")


def test_all_sessions_of_a_person_end_everywhere(member: Member, elsewhere: Member) -> None:
    everywhere = [signed_in(member.person, one.organization_id) for one in (member, elsewhere)]
    another = signed_in(tenants.member(member.organization).person)
    sessions.end_session(session_id=signed_in(member.person, member.organization_id).session.id, reason="x", now=NOW)
    assert end_all(member.person_id) == 2
    for entered in everywhere:
        with pytest.raises(Unauthenticated):
            refresh(entered.refresh_token)
    assert refresh(another.refresh_token)
    assert sorted(Session.objects.values_list("ended_for", flat=True)) == ["", "ended_by_staff", "ended_by_staff", "x"]
    entry = AuditEntry.objects.latest("id")
    assert (entry.chain_id, entry.action, entry.target_id) == (
        "platform",
        "person.end_sessions",
        str(member.person_id),
    )
    assert (entry.after, entry.reason) == ({"ended": 2}, "A stolen phone")
    # A new sign-in is good.
    assert refresh(signed_in(member.person, member.organization_id).refresh_token)


def test_who_may_end_them(member: Member) -> None:
    for person in (factories.member_of_staff("Auditor"), factories.outsider()):
        with pytest.raises(Forbidden):
            end_all(member.person_id, Actor.staff(person))
    with pytest.raises(Forbidden):
        end_all(member.person_id, tenants.signed_in(member))
    with pytest.raises(NotFound):
        end_all(uuid4(), Actor.staff(factories.member_of_staff("Operations")))


def test_what_is_long_over_is_deleted(member: Member) -> None:
    entered = signed_in(member.person)
    live = refresh(entered.refresh_token)
    assert sessions.purge(now=SOON + timedelta(days=29)) == 0
    for week in range(1, 6):
        live = refresh(live.refresh_token, at=SOON + timedelta(days=7 * week))
    # The first two were used more than thirty days ago.
    assert sessions.purge(now=SOON + timedelta(days=38)) == 2
    assert refresh(live.refresh_token, at=SOON + timedelta(days=38))
    assert sessions.purge(now=SOON + timedelta(days=200)) > 0
    assert not Session.objects.exists()
    assert not RefreshToken.objects.exists()
