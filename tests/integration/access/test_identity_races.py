"""What several processes do to keys and sessions at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from ops_console.access.models import RefreshToken, Session, SigningKey, SignInMethod
from ops_console.access.services import sign_in, signing_keys
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import SignedIn
from ops_console.errors import Unauthenticated
from tests import factories, tenants
from tests.factories import NOW
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    signing_keys.known.forget()
    yield
    signing_keys.known.forget()


def test_processes_that_start_together_make_one_pair_of_keys() -> None:
    SigningKey.objects.all().delete()
    kids = in_threads(6, lambda _: signing_keys.Known().get().kid)
    assert len(set(kids)) == 1
    assert sorted(SigningKey.objects.values_list("state", flat=True)) == ["current", "next"]


def test_of_rotations_at_once_one_counts() -> None:
    signing_keys.ensure(now=timezone.now())
    later = timezone.now() + signing_keys.CACHE_PERIOD + timedelta(hours=1)
    SigningKey.objects.filter(state="current").update(activated_at=later - timedelta(days=90))
    assert sorted(map(bool, in_threads(4, lambda _: signing_keys.rotate_when_due(now=later)))) == [False] * 3 + [True]
    assert SigningKey.objects.count() == 3


def test_of_many_uses_of_a_refresh_token_at_once_one_wins_and_the_session_ends() -> None:
    person = tenants.member(factories.organization()).person
    entered = sign_in.enter(person=person, organization_id=None, method=SignInMethod.CODE, client=Client(), now=NOW)
    assert isinstance(entered, SignedIn)

    def refresh(number: int) -> str | None:
        soon = NOW + timedelta(minutes=1)
        try:
            used = sign_in.refresh(refresh_token=entered.refresh_token, organization_id=None, now=soon)
        except Unauthenticated:
            return None
        return used.refresh_token

    assert sum(map(bool, in_threads(8, refresh))) == 1
    assert Session.objects.get().ended_for == "token_reused"
    assert RefreshToken.objects.count() == 2
