"""Signing in through a real OpenID provider, over HTTPS on loopback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ops_console.access.models import Session, SsoAttempt, SsoProvider
from ops_console.access.services.sso_sign_in import cookie_name
from ops_console.audit.models import AuditEntry
from ops_console.organizations import services as organizations
from ops_console.organizations.models import Member, MemberStatus, Organization, Person
from ops_console.organizations.services.joining import join, person_with
from tests import factories, sso, tenants
from tests.integration.auth.conftest import Caller
from tests.integration.auth.sso.conftest import ANN, DOMAIN
from tests.integration.auth.sso.oidc_visits import NAME, sign_in
from tests.integration.auth.sso.visits import begin, come_back, problem, tokens, told
from tests.openid import OpenIdProvider
from tests.saml import query

pytestmark = pytest.mark.django_db
# Mapped by the provider's row: upn to the address, department to the family name.
BEA = {
    "email": "Bea@acme.example",
    "upn": "bea@ACME.example",
    "email_verified": True,
    "given_name": "Beatrix",
    "family_name": "B" * 300,
    "department": "Lofts",
    "custom:badge": 7,
    "groups": ["night", "day"],
}
MAPPINGS = (
    ("department", "department"),
    ("custom:badge", "custom:badge"),
    ("groups", "shifts"),
    ("given_name", "title"),
    ("unsaid", "phone"),
)
PROFILE = {"phone": "505", "title": "Flyer", "custom_attributes": {"badge": "old", "size": "M"}}
FILLED_PROFILE = {
    "first_name": "Beatrix",
    "last_name": "Lofts",
    "department": "Lofts",
    "title": "Beatrix",
    "phone": "505",
    "custom_attributes": {"badge": "7", "size": "M", "shifts": "night, day"},
}
# By the name they sign in with: what the provider says of them, and what they are told.
NOT_LET_IN: Mapping[str, tuple[dict[str, Any], str]] = {
    "unverified": ({"email": "ann@acme.example", "email_verified": False}, "unverified"),
    "unsaid": ({"email": "ann@acme.example"}, "unverified"),
    "other": ({"email": "ann@other.example", "email_verified": True}, "other-address"),
    "below": ({"email": "ann@mail.acme.example", "email_verified": True}, "other-address"),
    "tricky": ({"email": "ann@acme.example@evil.example", "email_verified": True}, "other-address"),
    "nearly": ({"email": "ann@acme\u3002example", "email_verified": True}, "other-address"),
    "kelvin": ({"email": "mar\u212a@acme.example", "email_verified": True}, "other-address"),
    "quoted": ({"email": '"ann@other.example"@acme.example ', "email_verified": True}, "other-address"),
    "none": ({"email_verified": True}, "other-address"),
    "many": ({"email": ["ann@acme.example"], "email_verified": True}, "other-address"),
    "gone": ({"email": "gone@acme.example", "email_verified": True}, "no-member"),
    "shut": ({"email": "shut@acme.example", "email_verified": True}, "no-member"),
    "nobody": ({}, "denied"),
}


def test_a_stranger_of_the_domain_becomes_a_member(
    openid: OpenIdProvider, at_openid: SsoProvider, acme: Organization, caller: Caller
) -> None:
    back = sign_in(caller, openid, next="/inbox")
    assert (back.status_code, back["Location"], back["Cache-Control"]) == (303, "/inbox", "no-store")
    entered = tokens(caller).json()
    assert entered["method"] == "sso"
    assert entered["organization"]["id"] == str(acme.pk)
    member = Member.objects.get(pk=entered["member"]["id"])
    assert (member.person.email, member.role.slug, member.status) == ("ann@acme.example", "employee", "active")
    assert (member.name, member.profile) == ("Ann Arbor", {"first_name": "Ann", "last_name": "Arbor"})
    assert Session.objects.get().sso_provider == at_openid
    trail = AuditEntry.objects.filter(target_id=str(member.pk)).order_by("id").values_list("action", "actor")
    himself = member.person.email
    assert list(trail) == [("member.provision", himself), ("member.update_profile", himself)]
    # Again: the same member, nothing to write down.
    sign_in(caller, openid)
    assert Member.objects.filter(organization=acme, person=member.person).count() == 1
    assert trail.count() == 2


def map_claims(of: Organization) -> None:
    organizations.update_sso_attribute_mappings(
        organization_id=of.pk,
        mappings=[organizations.AttributeMapping(*each) for each in MAPPINGS],
        actor=factories.COMMAND,
        now=timezone.now(),
    )


def test_the_mappings_of_provider_and_organization_fill_the_profile(
    openid: OpenIdProvider, acme: Organization, caller: Caller
) -> None:
    openid.know(bea=BEA)
    sso.set_up(acme, openid.register(DOMAIN, email="upn", family_name="department"))
    map_claims(acme)
    invited = join(
        organization=acme,
        person=person_with("bea@acme.example"),
        role=tenants.role(acme),
        now=timezone.now(),
        status=MemberStatus.INVITED,
        name="Bea",
        profile=PROFILE,
    )
    sign_in(caller, openid, "bea")
    entered = Member.objects.get(pk=invited.pk)
    assert (entered.status, entered.name, entered.role_id) == ("active", "Bea", invited.role_id)
    assert entered.profile == FILLED_PROFILE
    trail = AuditEntry.objects.get(action="member.update_profile")
    assert "Lofts" not in json.dumps(trail.after)


def test_whom_the_provider_may_not_vouch_for(
    openid: OpenIdProvider, at_openid: SsoProvider, acme: Organization, subtests: pytest.Subtests
) -> None:
    gone = tenants.member(acme)
    Person.objects.filter(pk=gone.person_id).update(email="gone@acme.example")
    Member.objects.filter(pk=gone.pk).update(status=MemberStatus.DEACTIVATED)
    Person.objects.create_user("shut@acme.example", is_active=False)
    openid.know(**{user: claims for user, (claims, _) in NOT_LET_IN.items()})
    n_people = Person.objects.count()
    for user, (_, expected) in NOT_LET_IN.items():
        with subtests.test(user):
            caller = Caller()
            assert problem(sign_in(caller, openid, user)) == expected
            assert tokens(caller).status_code == 401
    assert Person.objects.count() == n_people


def test_an_attempt_is_one_browsers(openid: OpenIdProvider, at_openid: SsoProvider, caller: Caller) -> None:
    url = openid.sign_in(begin(caller, NAME), "ann")
    state = query(url)["state"]
    assert problem(come_back(Caller(), url)) == "begin-again"
    assert problem(come_back(caller, url.replace(state, "another"))) == "begin-again"
    assert problem(come_back(caller, url.replace(f"state={state}", "state="))) == "begin-again"
    kept = SsoAttempt.objects.get()
    assert state.encode() not in bytes(kept.state_digest) + bytes(kept.browser_digest)
    # The same browser, its cookie swapped for that of another attempt.
    other = Caller()
    other_state = query(openid.sign_in(begin(other, NAME), "ann"))["state"]
    name, other_name = cookie_name(state), cookie_name(other_state)
    own = caller.cookies[name].value
    caller.cookies[name] = other.cookies[other_name].value
    assert problem(come_back(caller, url)) == "begin-again"
    caller.cookies[name] = own
    assert come_back(caller, url)["Location"] == "/signin"


def test_an_attempt_is_one_providers_and_good_once(
    openid: OpenIdProvider, at_openid: SsoProvider, caller: Caller
) -> None:
    url = openid.sign_in(begin(caller, NAME), "ann")
    kept = SsoAttempt.objects.get()
    # Another provider's address, be it real or not; it is used up by that.
    elsewhere = openid.sign_in(begin(caller, NAME), "ann").replace(NAME, "oidc-other.example")
    assert problem(come_back(caller, elsewhere)) == "not-counted"
    assert problem(come_back(caller, elsewhere.replace("oidc-other.example", NAME))) == "begin-again"
    # Too late.
    late = openid.sign_in(begin(caller, NAME), "ann")
    SsoAttempt.objects.exclude(pk=kept.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert problem(come_back(caller, late)) == "begin-again"
    assert come_back(caller, url)["Location"] == "/signin"
    assert told(come_back(caller, url)) == "begin-again"
    # The provider itself takes its code once.
    again = openid.sign_in(begin(caller, NAME), "ann")
    stolen = query(openid.sign_in(begin(caller, NAME), "ann"))["code"]
    assert told(come_back(caller, again.replace(query(again)["code"], stolen))) == "not-counted"


def test_where_it_leads_is_never_another_site(openid: OpenIdProvider, at_openid: SsoProvider, caller: Caller) -> None:
    for path in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "evil",
        "\t//e.e",
    ):
        begin(caller, NAME, next=path)
        assert SsoAttempt.objects.latest("id").return_to == "", path
    attempt = sign_in(caller, openid, next="/inbox?campaign=1#read")
    assert attempt["Location"] == "/inbox?campaign=1#read"
    # Nor is it lost where nobody is let in, for then one begins again.
    openid.know(shy={**ANN, "email_verified": False})
    refused = query(sign_in(Caller(), openid, "shy", next="/inbox?campaign=1#read")["Location"])
    assert refused == {"problem": "unverified", "next": "/inbox?campaign=1#read"}
    assert b'data-next="/inbox?campaign=1#read"' in Caller().get("/signin", refused).content


def test_it_begins_on_our_own_page_at_a_proved_provider(
    openid: OpenIdProvider, acme: Organization, settings: Any
) -> None:
    made = sso.create(acme, openid.register(DOMAIN), now=timezone.now())
    for name in (NAME, "oidc-unknown.example", "saml-acme.example", "acme.example", "", "x" * 300):
        assert Caller().call("sso/start", {"provider": name}).status_code in (400, 404), name
    sso.prove(made, now=timezone.now())
    stranger = Caller()
    stranger.defaults["HTTP_ORIGIN"] = "https://evil.example"
    assert stranger.call("sso/start", {"provider": NAME}).status_code == 403
    cookie = next(iter(Caller().call("sso/start", {"provider": NAME}).cookies.values()))
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"], cookie["path"]) == (True, "Lax", 600, "/")
    # Over TLS nobody but this very host can have set it.
    settings.IS_HTTPS = True
    cookie = next(iter(Caller().call("sso/start", {"provider": NAME}).cookies.values()))
    assert cookie.key.startswith("__Host-sso-")
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
