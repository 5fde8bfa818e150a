"""Answers of the SAML provider to nobody's request: where they are allowed, and that each lets in once."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from ops_console.access.models import SsoProvider, UsedAssertion
from ops_console.access.services import sso_providers, sso_sign_in
from ops_console.access.services.sso_providers import Change
from ops_console.organizations.models import Organization
from tests import factories, sso
from tests.integration.auth.conftest import Caller
from tests.integration.auth.sso.conftest import DOMAIN
from tests.integration.auth.sso.saml_visits import Visit, bring
from tests.integration.auth.sso.visits import problem, tokens, told
from tests.saml import SAML, SamlProvider, part, query

pytestmark = pytest.mark.django_db


def allow(provider: SsoProvider, allows: bool) -> None:
    change = Change(allows_idp_initiated=allows)
    sso_providers.update_provider(provider_id=provider.pk, change=change, actor=factories.COMMAND, now=timezone.now())


def second_confirmation(response: Any) -> None:
    first = part(response, "Subject/SubjectConfirmation")
    second = deepcopy(first)
    ends = datetime.now(UTC) + timedelta(hours=2)
    second.find(f"{SAML}SubjectConfirmationData").set("NotOnOrAfter", ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    first.addnext(second)


def kept_for() -> timedelta:
    return UsedAssertion.objects.latest("id").expires_at - timezone.now()


def test_they_count_where_they_are_allowed_and_nobody_began(saml: SamlProvider, at_saml: SsoProvider) -> None:
    assert problem(bring(Caller(), saml.answer())) == "begin-again"
    allow(at_saml, True)
    # Somebody's answer to a request, brought by another as though nobody had asked.
    visit = Visit()
    assert problem(bring(Caller(), saml.answer(visit.url))) == "not-counted"
    of_another = saml.signed(alter=lambda response: response.set("InResponseTo", "_x"))
    assert problem(bring(Caller(), of_another)) == "not-counted"
    assert problem(bring(Caller(), saml.answer(visit.url), "/inbox")) == "not-counted"
    # One who began is held to what he began.
    assert problem(visit.bring(saml.answer())) == "not-counted"
    caller = Caller()
    assert bring(caller, saml.answer())["Location"] == "/signin"
    assert tokens(caller).json()["organization"]["id"] == str(at_saml.organization_id)
    allow(at_saml, False)
    assert told(bring(Caller(), saml.answer())) == "begin-again"


def test_they_lead_to_paths_of_ours_alone(saml: SamlProvider, at_saml: SsoProvider) -> None:
    allow(at_saml, True)
    for state, path in (("/inbox", "/inbox"), ("https://evil.example", ""), ("//evil.example", ""), ("x" * 3000, "")):
        assert bring(Caller(), saml.signed(), state)["Location"] == (path or "/signin"), state
        # Nor is it lost where nobody is let in.
        refused = bring(Caller(), saml.signed(keys=saml.other_keys), state)
        assert query(refused["Location"]) == {"problem": "not-counted", **({"next": path} if path else {})}, state


def test_each_lets_in_once(saml: SamlProvider, at_saml: SsoProvider, acme: Organization) -> None:
    allow(at_saml, True)
    response = saml.answer()
    assert bring(Caller(), response)["Location"] == "/signin"
    assert told(bring(Caller(), response)) == "not-counted"
    assert timedelta(minutes=5) < kept_for() < timedelta(minutes=15)
    # For as long as it could be brought again by any of its confirmations.
    assert bring(Caller(), saml.signed(alter=second_confirmation))["Location"] == "/signin"
    assert kept_for() > timedelta(hours=2)
    # What does not count is not kept.
    assert told(bring(Caller(), saml.signed(keys=saml.other_keys))) == "not-counted"
    # Also when the provider was set up anew meanwhile.
    sso_providers.delete_provider(provider_id=at_saml.pk, actor=factories.COMMAND, now=timezone.now())
    assert told(bring(Caller(), response)) == "begin-again"
    allow(sso.set_up(acme, saml.wanted(DOMAIN)), True)
    assert told(bring(Caller(), response)) == "not-counted"
    assert sso_sign_in.purge(now=timezone.now() + timedelta(hours=3)) == 2
    assert not UsedAssertion.objects.exists()
