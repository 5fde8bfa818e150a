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


def test_what_many_uses_of_a_refresh_token_at_once_give_is_good_for_one() -> None:
    person = tenants.member(factories.organization()).person
    entered = sign_in.enter(person=person, organization_id=None, method=SignInMethod.CODE, client=Client(), now=NOW)
    assert isinstance(entered, SignedIn)

    def refresh(token: str) -> str | None:
        soon = NOW + timedelta(minutes=1)
        try:
            used = sign_in.refresh(refresh_token=token, organization_id=None, now=soon)
        except Unauthenticated:
            return None
        return used.refresh_token

    # As tabs do that are reloaded at once, and lose their answers.
    given = [str(token) for token in in_threads(4, lambda _: refresh(entered.refresh_token))]
    assert (len(set(given)), Session.objects.get().ended_at) == (4, None)
    # Of the chains that began, one goes on until another does, too; that ends all.
    assert sum(map(bool, in_threads(4, lambda number: refresh(given[number])))) == 1
    assert Session.objects.get().ended_for == "token_reused"
    assert RefreshToken.objects.filter(is_void=True).count() == 3
