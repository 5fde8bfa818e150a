"""Who a bearer credential is, asked afresh on every request."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from ops_console.access import services as access
from ops_console.access.actors import Actor, ActorKind
from ops_console.access.key_texts import KeyKind, new_text
from ops_console.access.models import ApiKey, ServiceKey, Session
from ops_console.access.services import sessions, tokens
from ops_console.access.services.bearer import authenticate
from ops_console.errors import RateLimited, Unauthenticated
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.rights import Right
from tests import bearers, factories, tenants

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Member:
    return tenants.member(factories.organization(), Right.ORG_READ, Right.MEMBERS_READ)


def recognized(text: str, *, address: str | None = None, now: datetime | None = None) -> Actor:
    return authenticate(
        authorization=f"Bearer {text}", address=address or bearers.somewhere(), now=now or timezone.now()
    )


def reason(caplog: pytest.LogCaptureFixture, text: str) -> str:
    """Why it is refused, as the log tells; the answer is the same for all."""
    caplog.clear()
    with caplog.at_level(logging.INFO), pytest.raises(Unauthenticated) as refusal:
        recognized(text)
    assert refusal.value.message == Unauthenticated().message
    assert text not in caplog.text
    return str(caplog.records[-1].__dict__["reason"])


def test_a_token_is_its_person_in_the_organization(member: Member) -> None:
    actor = recognized(bearers.token_of(member), address="198.51.100.7")
    assert (actor.kind, actor.label, actor.address) == (ActorKind.MEMBER, member.person.email, "198.51.100.7")
    assert (actor.member, actor.person, actor.organization) == (member, member.person, member.organization)
    assert actor.credential_id == Session.objects.get().pk
    assert actor.rights == {Right.ORG_READ, Right.MEMBERS_READ}


def test_a_token_without_an_organization_is_a_founders() -> None:
    actor = recognized(bearers.founders_token())
    assert (actor.kind, actor.member, actor.organization_id, actor.rights) == (
        ActorKind.MEMBER,
        None,
        None,
        frozenset(),
    )


def test_a_key_is_its_creator_with_its_own_rights(member: Member) -> None:
    new = bearers.api_key(member, Right.ORG_READ)
    actor = recognized(new.text)
    assert (actor.kind, actor.label, actor.credential_id) == (ActorKind.KEY, f"key:{new.text[:16]}", new.api_key.pk)
    assert (actor.member, actor.organization, actor.rights) == (
        member,
        member.organization,
        frozenset({Right.ORG_READ}),
    )


def test_a_key_loses_what_its_creator_loses(member: Member) -> None:
    text = bearers.api_key(member, Right.ORG_READ, Right.MEMBERS_READ).text
    member.role.rights = [Right.MEMBERS_READ, Right.INBOX_READ]
    member.role.save()
    assert recognized(text).rights == {Right.MEMBERS_READ}


@pytest.mark.parametrize("scope", ["organizations", "render"])
def test_a_service_key_has_no_organization_and_its_scope(scope: str) -> None:
    new = bearers.service_key(scope)
    actor = recognized(new.text)
    assert (actor.kind, actor.scope, actor.credential_id) == (ActorKind.SERVICE, scope, new.service_key.pk)
    assert (actor.member, actor.organization_id, actor.rights) == (None, None, frozenset())


@pytest.mark.parametrize("make", [bearers.token_of, lambda member: bearers.api_key(member, Right.ORG_READ).text])
def test_one_query_tells_all_a_request_asks(
    member: Member, make: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    text = make(member)
    recognized(text)
    with django_assert_num_queries(1):
        actor = recognized(text)
        assert actor.member
        names = (actor.member.name, actor.member.role.name, actor.organization.name, actor.member.person.email)
        assert names[3] == member.person.email
        assert (actor.organization.rate_per_s, actor.organization.member_count) == (None, 2)


def test_a_malformed_key_costs_no_query(
    member: Member, django_assert_num_queries: DjangoAssertNumQueries, caplog: pytest.LogCaptureFixture
) -> None:
    text = bearers.api_key(member, Right.ORG_READ).text
    with django_assert_num_queries(0):
        assert reason(caplog, text[:-1]) == "malformed_key"
        assert reason(caplog, text.swapcase()) in ("malformed_key", "malformed")
        assert reason(caplog, text + "\0") == "malformed_key"


# --- Use -----------------------------------------------------------------------------------------------------------


def test_the_use_of_a_key_is_noted_once_a_minute(
    member: Member, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    start = timezone.now()
    for new, rows in (
        (bearers.api_key(member, Right.ORG_READ), ApiKey.objects),
        (bearers.service_key("render"), ServiceKey.objects),
    ):
        for seconds, n_queries, noted in ((0, 2, 0), (30, 1, 0), (59, 1, 0), (60, 2, 60), (61, 1, 60)):
            now = start + timedelta(seconds=seconds)
            with django_assert_num_queries(n_queries):
                recognized(new.text, now=now)
            assert rows.get().last_used_at == start + timedelta(seconds=noted)


def test_of_two_first_uses_at_once_one_is_written(member: Member) -> None:
    text, now = bearers.api_key(member, Right.ORG_READ).text, timezone.now()
    later = now + timedelta(seconds=5)
    recognized(text, now=later)
    recognized(text, now=now)
    assert ApiKey.objects.get().last_used_at == later


# --- Refusals ------------------------------------------------------------------------------------------------------


def end_session(member: Member) -> None:
    sessions.end_sessions_of_member(member_id=member.pk, reason="signed_out", now=timezone.now())


def forget_session(member: Member) -> None:
    Session.objects.all().delete()


def expire_session(member: Member) -> None:
    Session.objects.update(expires_at=timezone.now())


def switch_organization(member: Member) -> None:
    other = tenants.member(factories.organization())
    Session.objects.update(member=other)


def switch_person(member: Member) -> None:
    Session.objects.update(person=factories.outsider())


def leave(member: Member) -> None:
    Person.objects.filter(pk=member.person_id).update(is_active=False)


def deactivate(member: Member) -> None:
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.DEACTIVATED)


def invite_again(member: Member) -> None:
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.INVITED)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (end_session, "session_ended"),
        (forget_session, "session_unknown"),
        (expire_session, "session_expired"),
        (switch_organization, "session_of_another"),
        (switch_person, "session_of_another"),
        (leave, "person_inactive"),
        (deactivate, "member_deactivated"),
        (invite_again, "member_invited"),
    ],
)
def test_a_token_is_refused_from_the_next_request_on(
    member: Member, change: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = bearers.token_of(member)
    recognized(text)
    change(member)
    assert reason(caplog, text) == why


def test_a_token_without_an_organization_stays_so_after_its_session_gets_one(member: Member) -> None:
    session = bearers.session_of(member.person)
    text = tokens.issue(session=session, now=timezone.now()).text
    Session.objects.update(member=member)
    assert recognized(text).member is None


def revoke(member: Member) -> None:
    access.revoke_api_key(api_key_id=ApiKey.objects.get().pk, actor=factories.COMMAND, now=timezone.now())


def expire(member: Member) -> None:
    ApiKey.objects.update(expires_at=timezone.now())


def forget(member: Member) -> None:
    ApiKey.objects.all().delete()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (revoke, "key_revoked"),
        (expire, "key_expired"),
        (forget, "key_unknown"),
        (leave, "person_inactive"),
        (deactivate, "member_deactivated"),
    ],
)
def test_a_key_is_refused_from_the_next_request_on(
    member: Member, change: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = bearers.api_key(member, Right.ORG_READ).text
    recognized(text)
    change(member)
    assert reason(caplog, text) == why


def test_a_service_key_is_refused_once_revoked(caplog: pytest.LogCaptureFixture) -> None:
    new = bearers.service_key("render")
    access.revoke_service_key(service_key_id=new.service_key.pk, actor=factories.COMMAND, now=timezone.now())
    assert reason(caplog, new.text) == "key_revoked"
    assert reason(caplog, new_text(KeyKind.SERVICE)) == "key_unknown"


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic YTpi",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "bearer\tpidgr_k_",
        "Bearer \udcff",
        "é",
        "Digest x",
    ],
)
def test_what_is_no_bearer_credential(authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        authenticate(authorization=authorization, address=bearers.somewhere(), now=timezone.now())


def test_the_scheme_is_read_in_any_case_and_spaces_around_are_dropped(member: Member) -> None:
    text = bearers.api_key(member, Right.ORG_READ).text
    for authorization in (f"bearer {text}", f"BEARER   {text} "):
        assert authenticate(authorization=authorization, address=None, now=timezone.now()).member == member


# --- Too many failures ---------------------------------------------------------------------------------------------


def test_past_the_limit_failures_wait_and_a_good_credential_passes(member: Member, settings: LazySettings) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 5
    good, bad = bearers.api_key(member, Right.ORG_READ).text, new_text(KeyKind.ORGANIZATION)
    answers, address = [], bearers.somewhere()
    for _ in range(10):
        assert recognized(good, address=address).member == member
        with pytest.raises((Unauthenticated, RateLimited)) as refusal:
            recognized(bad, address=address)
        answers.append(refusal.type)
    assert answers[:5] == [Unauthenticated] * 5
    # The window may move on by a minute's end.
    assert answers.count(RateLimited) >= 3


def test_a_missing_credential_is_no_failed_attempt(settings: LazySettings) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 1
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            authenticate(authorization="", address="198.51.100.77", now=timezone.now())
