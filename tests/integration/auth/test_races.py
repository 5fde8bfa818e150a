"""One code, and one answer of an authenticator, brought many times at the same moment."""

from __future__ import annotations

import secrets

import pytest
from django.utils import timezone

from ops_console.access.actors import Actor
from ops_console.access.models import Session, SignInCode
from ops_console.access.services import codes, passkeys
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import SignedIn
from ops_console.errors import Unauthenticated
from ops_console.organizations.models import Person
from tests import factories, tenants
from tests.bearers import session_of
from tests.fakes.authenticator import Authenticator
from tests.threads import in_threads

from .conftest import code_sent_to

pytestmark = pytest.mark.usefixtures("committed_db")
CLIENT = Client(f"2001:db8:{secrets.token_hex(2)}::1")
N = 8


def entered(results: list[object]) -> int:
    assert {type(result) for result in results} <= {SignedIn, Unauthenticated}, results
    return sum(isinstance(result, SignedIn) for result in results)


def test_a_code_lets_one_in() -> None:
    email = f"racer{next(factories.numbers)}@example.com"
    codes.start(email=email, client=CLIENT, now=timezone.now())
    code = code_sent_to(email)
    results = in_threads(
        N, lambda _: codes.verify(email=email, code=code, organization_id=None, client=CLIENT, now=timezone.now())
    )
    assert entered(list(results)) == 1
    assert Session.objects.count() == Person.objects.filter(email=email).count() == 1


def test_guesses_at_once_have_five_tries_together() -> None:
    email = f"racer{next(factories.numbers)}@example.com"
    codes.start(email=email, client=CLIENT, now=timezone.now())
    wrong = f"{(int(code_sent_to(email)) + 1) % 10**6:06}"
    results = in_threads(
        N, lambda _: codes.verify(email=email, code=wrong, organization_id=None, client=CLIENT, now=timezone.now())
    )
    assert entered(list(results)) == 0
    assert SignInCode.objects.get(email=email).n_tries == codes.MOST_TRIES


def test_an_answer_lets_one_in() -> None:
    member = tenants.member(factories.organization())
    session_id = session_of(member.person, member).id
    actor, phone = Actor.signed_in(member.person, member=member, session_id=session_id), Authenticator()
    options = passkeys.registration_options(actor=actor, now=timezone.now())
    passkeys.register(actor=actor, credential=phone.create(options), now=timezone.now())
    answer = phone.get(passkeys.sign_in_options(client=CLIENT, now=timezone.now()))
    results = in_threads(
        N,
        lambda _: passkeys.sign_in(credential=answer, organization_id=None, client=CLIENT, now=timezone.now()),
    )
    assert entered(list(results)) == 1
