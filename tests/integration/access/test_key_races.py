"""Keys made, revoked and used from many connections at once."""

from __future__ import annotations

import pytest
from django.utils import timezone

from ops_console.access import services as access
from ops_console.access.models import ApiKey
from ops_console.access.services.bearer import authenticate
from ops_console.audit import services as audit
from ops_console.errors import Forbidden, InvalidTransition, Unauthenticated
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from ops_console.organizations.services import members
from tests import bearers, factories, tenants
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")


def test_no_key_outlives_the_deactivation_of_its_maker() -> None:
    organization = factories.organization()
    for _ in range(10):
        member = tenants.member(organization, Right.ORG_READ)

        def step(number: int, member: Member = member) -> object:
            if number == 0:
                return members.deactivate(
                    member_id=member.pk,
                    actor=factories.COMMAND,
                    now=timezone.now(),
                )
            return bearers.api_key(member, Right.ORG_READ)

        outcomes = in_threads(3, step)
        assert not [each for each in outcomes if isinstance(each, Exception) and not isinstance(each, Forbidden)]
        assert not ApiKey.objects.filter(creator=member).unrevoked().exists()
    assert audit.verify() == []


def test_of_many_who_revoke_a_key_one_does() -> None:
    new = bearers.api_key(tenants.member(factories.organization(), Right.ORG_READ), Right.ORG_READ)

    def revoke(number: int) -> object:
        return access.revoke_api_key(api_key_id=new.api_key.pk, actor=factories.COMMAND, now=timezone.now())

    outcomes = in_threads(8, revoke)
    assert sum(isinstance(each, ApiKey) for each in outcomes) == 1
    assert sum(isinstance(each, InvalidTransition) for each in outcomes) == 7


def test_no_connection_takes_a_key_after_its_revocation() -> None:
    new = bearers.api_key(tenants.member(factories.organization(), Right.ORG_READ), Right.ORG_READ)
    revoked: list[bool] = []

    def use(number: int) -> list[bool]:
        """Whether each call began after the revocation, of those that passed."""
        if number == 0:
            access.revoke_api_key(api_key_id=new.api_key.pk, actor=factories.COMMAND, now=timezone.now())
            revoked.append(True)
            return []
        passed = []
        for _ in range(60):
            is_late = bool(revoked)
            try:
                authenticate(authorization=f"Bearer {new.text}", address=bearers.somewhere(), now=timezone.now())
            except Unauthenticated:
                continue
            passed.append(is_late)
        return passed

    outcomes = in_threads(6, use)
    assert not [each for each in outcomes if isinstance(each, Exception)]
    assert not any(late for passed in outcomes for late in passed)  # type: ignore[union-attr]


def test_of_many_first_uses_one_is_noted_in_time() -> None:
    new = bearers.api_key(tenants.member(factories.organization(), Right.ORG_READ), Right.ORG_READ)
    now = timezone.now()

    def use(number: int) -> object:
        return authenticate(authorization=f"Bearer {new.text}", address=None, now=now)

    assert not [each for each in in_threads(8, use) if isinstance(each, Exception)]
    assert ApiKey.objects.get().last_used_at == now
