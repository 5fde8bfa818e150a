"""One sign-in through a provider, brought by several at the same moment, or while the provider is deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from ops_console.access.models import Session, SsoProvider
from ops_console.access.services import sso_providers, sso_sign_in
from ops_console.access.services.sessions import Client
from ops_console.access.services.sso_sign_in import Begun, Entered
from ops_console.access.sso import attributes, oidc
from ops_console.access.sso.attributes import Identity
from ops_console.access.sso.refusals import NotLetIn
from ops_console.access.sso.saml_assertion import Vouched
from tests import factories, sso
from tests.saml import query
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")
N = 4


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> SsoProvider:
    """One that vouches for Ann, whatever it is asked."""
    monkeypatch.setattr(oidc, "identify", lambda *asked, **how: Identity("ann@acme.example"))
    return sso.provider(factories.organization(), "acme.example", proved=True, now=timezone.now())


def begin(provider: SsoProvider) -> Begun:
    return sso_sign_in.begin(
        provider_name=provider.idp_provider_name, email="", return_to="", client=Client(), now=timezone.now()
    )


def finish(provider: SsoProvider, begun: Begun) -> Entered:
    return sso_sign_in.finish_oidc(
        provider_name=provider.idp_provider_name,
        answer={"state": query(begun.url)["state"]},
        cookies={begun.cookie: begun.secret},
        client=Client(),
        now=timezone.now(),
    )


def met(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, then: Callable[[], object]) -> None:
    """Call ``then`` once that function is through, before it returns."""
    true = getattr(where, name)

    def stopping(*given: Any, **named: Any) -> Any:
        found = true(*given, **named)
        then()
        return found

    monkeypatch.setattr(where, name, stopping)


def refusals(results: list[Any]) -> list[str]:
    return [result.reason for result in results if isinstance(result, NotLetIn)]


def test_an_attempt_lets_one_in(provider: SsoProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin(provider)
    # All have found it before any takes it.
    met(monkeypatch, sso_sign_in, "_find", Barrier(N, timeout=60).wait)
    results = in_threads(N, lambda _: finish(provider, begun))
    assert refusals(results) == ["attempt_used"] * (N - 1), results
    assert Session.objects.count() == 1


def test_an_assertion_lets_one_in() -> None:
    # Of two rows of one provider, which was set up anew meanwhile: neither waits for the other's lock.
    vouched = Vouched(Identity("ann@acme.example"), b"1" * 32, timezone.now() + timedelta(minutes=5), None)

    def use(_: int) -> None:
        with transaction.atomic():
            sso_sign_in._use_up(vouched)
            time.sleep(0.3)

    results = in_threads(2, use)
    assert (refusals(results), results.count(None)) == (["saml_used"], 1), results


def test_a_deletion_ends_the_session_that_is_just_beginning(
    provider: SsoProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, is_entering, is_deleted = begin(provider), Event(), Event()
    waited: list[bool] = []

    def enter_slowly() -> None:
        is_entering.set()
        waited.append(not is_deleted.wait(0.5))

    def delete() -> None:
        assert is_entering.wait(60)
        sso_providers.delete_provider(provider_id=provider.pk, actor=factories.COMMAND, now=timezone.now())
        is_deleted.set()

    met(monkeypatch, attributes, "fill", enter_slowly)
    entered, deleted = in_threads(2, lambda number: delete() if number else finish(provider, begun))
    assert (type(entered), deleted, waited) == (Entered, None, [True])
    assert Session.objects.get().ended_for == "provider_gone"
