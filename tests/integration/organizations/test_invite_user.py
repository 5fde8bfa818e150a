"""InviteUser through the whole pipeline, and the letter it sends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from ops_console.errors import InvalidTransition, RateLimited
from ops_console.gen.pidgr.v1 import member_pb as pb
from ops_console.gen.pidgr.v1.user_pb import UserProfile, UserStatus
from ops_console.letters import services as letters
from ops_console.letters.models import Letter
from ops_console.organizations.models import Group, GroupMember, Member, MemberStatus, Person
from ops_console.organizations.rights import Right
from ops_console.organizations.services import invitations
from tests import factories, tenants
from tests.factories import NOW
from tests.fakes.mail_server import mail_server, use
from tests.pidgr import Tenant, call, code, faults, refusal, token_of


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.new("Feathers & <Sons>")


def invite(email: str = "Bea@Example.com", **more: Any) -> pb.InviteUserRequest:
    return pb.InviteUserRequest(email=email, **more)


def deactivate(user_id: str) -> pb.DeactivateUserRequest:
    return pb.DeactivateUserRequest(user_id=user_id)


def test_the_invited_is_an_invited_member_in_the_default_group_with_the_default_role(tenant: Tenant) -> None:
    user = call("MemberService.InviteUser", invite(name="Bea"), tenant.key()).user
    assert (user.email, user.name, user.status) == ("bea@example.com", "Bea", UserStatus.INVITED)
    assert (user.role.slug, user.role.is_default) == ("employee", True)
    member = Member.objects.get(pk=user.id)
    assert GroupMember.objects.filter(member=member, group__is_default=True).exists()
    assert Group.objects.get(organization=tenant.organization).member_count == 2
    tenant.organization.refresh_from_db()
    assert tenant.organization.member_count == 2
    assert not member.person.has_usable_password()


def test_role_and_profile_are_given(tenant: Tenant) -> None:
    profile = UserProfile(title="Keeper", custom_attributes={"address.city": "Santa Fe"})
    request = invite(role_id=str(tenant.role("manager").pk), profile=profile)
    user = call("MemberService.InviteUser", request, tenant.key()).user
    assert (user.role.slug, user.profile) == ("manager", profile)


def test_the_letter_leads_to_sign_in_and_says_who_invites_whereto(tenant: Tenant) -> None:
    inviter = tenants.member(tenant.organization, Right.MEMBERS_INVITE, Right.INBOX_READ, Right.INBOX_ACT)
    call("MemberService.InviteUser", invite(name="Bea <b>"), token_of(inviter))
    letter = Letter.objects.get(template="invitation")
    written = letters.unseal(letter)
    assert letter.to == "bea@example.com"
    assert written.subject == "You are invited to Feathers & <Sons>"
    for said in ("Hello Bea <b>,", f"{inviter.person.email} invites you to Feathers & <Sons>."):
        assert said in written.text
    assert f"\n{settings.PUBLIC_URL}/signin\n" in written.text
    assert f'href="{settings.PUBLIC_URL}/signin"' in written.html
    assert "<strong>Feathers &amp; &lt;Sons&gt;</strong>" in written.html
    assert "<b>" not in written.html


def test_who_signs_in_has_accepted(tenant: Tenant) -> None:
    user = call("MemberService.InviteUser", invite(), tenant.key()).user
    member = Member.objects.select_related("person").get(pk=user.id)
    himself = call("MemberService.GetUser", pb.GetUserRequest(), token_of(member)).user
    assert (himself.id, himself.status) == (user.id, UserStatus.ACTIVE)


def test_a_second_invitation_already_exists(tenant: Tenant) -> None:
    key = tenant.key()
    user = call("MemberService.InviteUser", invite(), key).user
    assert code("MemberService.InviteUser", invite("bea@EXAMPLE.com "), key) == "ALREADY_EXISTS"
    token_of(Member.objects.select_related("person").get(pk=user.id))
    assert code("MemberService.InviteUser", invite(), key) == "ALREADY_EXISTS"
    assert code("MemberService.InviteUser", invite(tenant.founder.person.email), key) == "ALREADY_EXISTS"
    assert Letter.objects.count() == 1
    # Elsewhere the same person is somebody new.
    elsewhere = call("MemberService.InviteUser", invite(), Tenant.new("Elsewhere").key()).user
    assert elsewhere.id != user.id
    assert Person.objects.filter(email="bea@example.com").count() == 1


def test_a_deactivated_member_is_invited_again(tenant: Tenant) -> None:
    key = tenant.key()
    first = invite(name="Bea", role_id=str(tenant.role("manager").pk), profile=UserProfile(title="Keeper"))
    user = call("MemberService.InviteUser", first, key).user
    call("MemberService.DeactivateUser", deactivate(user.id), key)
    again = call("MemberService.InviteUser", invite(), key).user
    assert (again.id, again.status, again.role.slug) == (user.id, UserStatus.INVITED, "employee")
    assert (again.name, again.profile.title) == ("Bea", "Keeper")
    call("MemberService.DeactivateUser", deactivate(user.id), key)
    new = invite(name="Beatrix", profile=UserProfile(title="Boss"))
    renewed = call("MemberService.InviteUser", new, key).user
    assert (renewed.name, renewed.profile.title) == ("Beatrix", "Boss")
    assert Letter.objects.count() == 3
    tenant.organization.refresh_from_db()
    assert tenant.organization.member_count == 2
    moves = Member.objects.get(pk=user.id).events.order_by("id").values_list("to_status", flat=True)
    assert list(moves) == ["deactivated", "invited", "deactivated", "invited"]


def test_one_is_not_invited_again_and_again(tenant: Tenant) -> None:
    key = tenant.key()
    user = call("MemberService.InviteUser", invite(), key).user
    for _ in range(invitations.MOST_AGAIN_A_DAY):
        call("MemberService.DeactivateUser", deactivate(user.id), key)
        call("MemberService.InviteUser", invite(), key)
    call("MemberService.DeactivateUser", deactivate(user.id), key)
    refused = refusal("MemberService.InviteUser", invite(), key)
    assert refused.code.name == "RESOURCE_EXHAUSTED"
    assert refused.retry_after_s is not None
    assert 86_000 < refused.retry_after_s <= 86_401


def test_nobody_gives_a_right_he_lacks(tenant: Tenant) -> None:
    inviter = tenant.person(Right.MEMBERS_INVITE, Right.INBOX_READ, Right.INBOX_ACT)
    manager = invite(role_id=str(tenant.role("manager").pk))
    assert code("MemberService.InviteUser", manager, inviter) == "PERMISSION_DENIED"
    assert call("MemberService.InviteUser", invite(), inviter).user.role.slug == "employee"
    # Nor does who lacks what the default role holds.
    assert code("MemberService.InviteUser", invite("c@example.com"), tenant.person(Right.MEMBERS_INVITE)) == (
        "PERMISSION_DENIED"
    )


def test_who_held_more_is_not_invited_again_by_who_holds_less(tenant: Tenant) -> None:
    gone = tenants.member(tenant.organization, *Right, status=MemberStatus.DEACTIVATED)
    inviter = tenant.person(Right.MEMBERS_INVITE, Right.INBOX_READ, Right.INBOX_ACT)
    assert code("MemberService.InviteUser", invite(gone.person.email), inviter) == "PERMISSION_DENIED"
    assert call("MemberService.InviteUser", invite(gone.person.email), tenant.key()).user.id == str(gone.pk)


def test_inviting_is_refused_for_whom_and_what_it_must(tenant: Tenant) -> None:
    foreign = Tenant.new("Other").role("employee")
    assert code("MemberService.InviteUser", invite()) == "UNAUTHENTICATED"
    assert code("MemberService.InviteUser", invite(), tenant.person(Right.MEMBERS_MANAGE)) == "PERMISSION_DENIED"
    for role_id in (foreign.pk, uuid4()):
        assert faults("MemberService.InviteUser", invite(role_id=str(role_id)), tenant.key()) == ["role_id"]
    assert faults("MemberService.InviteUser", invite(role_id="x"), tenant.key()) == ["role_id"]
    many = pb.InviteUserRequest(email="nobody", name="a\nb", profile=UserProfile(phone="1\n2"))
    assert faults("MemberService.InviteUser", many, tenant.key()) == ["email", "name", "profile.phone"]
    long = pb.InviteUserRequest(email="a" * 255, name="n" * 201)
    assert faults("MemberService.InviteUser", long, tenant.key()) == ["email", "name"]
    assert not Letter.objects.exists()
    assert Member.objects.filter(organization=tenant.organization, status="invited").count() == 0


@pytest.mark.parametrize(
    "email", ["", " ", "nobody", "a@b", "a b@example.com", "a@example.com,b@example.com", "<a@b.co>"]
)
def test_what_is_no_address_is_refused(tenant: Tenant, email: str) -> None:
    assert faults("MemberService.InviteUser", invite(email), tenant.key()) == ["email"]


# --- Writing once more ---------------------------------------------------------------------------------------------


def invited_at(now: Any) -> Member:
    organization = factories.organization()
    return invitations.invite(
        email="bea@example.com", organization_id=organization.pk, actor=factories.COMMAND, now=now
    )


@pytest.mark.django_db
def test_an_invitation_is_sent_once_more_but_not_at_once() -> None:
    member, later = invited_at(NOW), NOW + invitations.RESEND_AFTER
    with pytest.raises(RateLimited) as refused:
        invitations.resend(member_id=member.pk, actor=factories.COMMAND, now=later - timedelta(seconds=10))
    assert refused.value.retry_after_s == 11
    invitations.resend(member_id=member.pk, actor=factories.COMMAND, now=later)
    with pytest.raises(RateLimited):
        invitations.resend(member_id=member.pk, actor=factories.COMMAND, now=later)
    assert Letter.objects.filter(to="bea@example.com").count() == 2


@pytest.mark.django_db
def test_only_who_is_invited_is_written_to_once_more() -> None:
    member = invited_at(NOW)
    invitations.accept(member=member, now=NOW)
    with pytest.raises(InvalidTransition):
        invitations.resend(member_id=member.pk, actor=factories.COMMAND, now=NOW + timedelta(days=1))
    assert Letter.objects.count() == 1


# --- Arriving ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("committed_db")
def test_the_letter_arrives_by_smtp_once_the_invitation_is_committed(settings: Any) -> None:
    with mail_server() as server:
        use(settings, server)
        tenant = Tenant.new()
        key = tenant.key()
        refusal("MemberService.InviteUser", invite(role_id=str(uuid4())), key)
        call("MemberService.InviteUser", invite(), key)
        assert letters.send_due(clock=timezone.now, worker="tests") == 1
        (mail,) = server.wait_for(1)
    assert (mail["To"], mail["Subject"]) == ("bea@example.com", "You are invited to Feathers")
    text = mail.get_body(("plain",))
    assert text is not None
    assert f"{settings.PUBLIC_URL}/signin" in text.get_content().splitlines()
