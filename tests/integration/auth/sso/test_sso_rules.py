"""What a provider takes from codes and passkeys, and what its own sessions are good for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from ops_console.access.models import Passkey, ProofAnswer, Session, SsoProvider
from ops_console.access.services import (
    bearer,
    issuing,
    sessions,
    sign_in,
    sign_in_limits,
    sso_proofs,
    sso_providers,
    sso_rules,
)
from ops_console.access.services.sso_providers import Change
from ops_console.access.sso.addresses import address_of_domain
from ops_console.access.sso.refusals import NotLetIn
from ops_console.audit.models import AuditEntry
from ops_console.errors import InvalidInput, Unauthenticated
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.models import Member, MemberStatus, Organization, Person, Role
from ops_console.organizations.rights import FOUNDER_ROLE, Right
from ops_console.organizations.services import invitations
from ops_console.organizations.services.joining import join, person_with
from tests import bearers, factories, sso, tenants
from tests.fakes.authenticator import Authenticator
from tests.integration.auth.conftest import Caller

pytestmark = pytest.mark.django_db
GERMANS = (("boss", FOUNDER_ROLE), ("ann", "employee"))


@pytest.fixture
def acme(db: None) -> Organization:
    return factories.organization("Acme Feathers")


@pytest.fixture
def provider(acme: Organization) -> SsoProvider:
    return sso.provider(acme, "acme.example", proved=True, now=timezone.now())


def member(of: Organization, email: str, slug: str = "employee", **more: Any) -> Member:
    role = Role.objects.get(organization=of, slug=slug)
    return join(organization=of, person=person_with(email), role=role, now=timezone.now(), **more)


def may_break_glass(provider: SsoProvider) -> list[Member]:
    return list(sso_rules.may_break_glass(provider))


def vouched(who: Member, provider: SsoProvider) -> dict[str, Any]:
    """Tokens of a session begun at the provider."""
    entered = sign_in.enter_by_provider(member=who, provider=provider, client=sessions.Client(), now=timezone.now())
    return {"access_token": entered.access.text, "refresh_token": entered.refresh_token}


def trail(action: str) -> list[Any]:
    return [entry.after for entry in AuditEntry.objects.filter(action=f"sso_provider.{action}").order_by("id")]


# --- Codes and passkeys --------------------------------------------------------------------------------------------


def passkey_of(who: Member) -> Authenticator:
    """From before the provider."""
    authenticator = Authenticator()
    assert Caller(bearers.founders_token()).add_passkey(authenticator).status_code == 201
    authenticator.user = who.person_id.bytes
    Passkey.objects.update(person=who.person)
    return authenticator


def move(caller: Caller, entered: Mapping[str, Any], to: Organization) -> Any:
    moving = {"refresh_token": entered["refresh_token"], "organization_id": str(to.pk)}
    return caller.call("token/refresh", moving)


def test_codes_and_passkeys_open_what_is_the_persons_own(
    acme: Organization, provider: SsoProvider, caller: Caller
) -> None:
    authenticator = passkey_of(member(acme, "ann@acme.example"))
    named = {"organization_id": str(acme.pk)}
    for refused in (caller.enter("ann@acme.example", **named), caller.enter_by(authenticator, **named)):
        assert refused.status_code == 403
        assert "identity provider" in refused.json()["detail"]
    # Who names none is in none, but sees to what is his own.
    for entered in (caller.enter("ann@acme.example"), caller.enter_by(authenticator)):
        body = entered.json()
        assert (body["organization"], body["member"], body["organizations"]) == (None, None, [])
        assert Caller(body["access_token"]).call("passkeys", method="GET").json()["passkeys"]
        assert bearers.BearerClient(body["access_token"]).get("/api/v1/members").status_code == 403
        assert move(caller, body, acme).status_code == 403
    # One who is invited is not let in to accept.
    member(acme, "new@acme.example", status=MemberStatus.INVITED)
    assert caller.enter("new@acme.example").json()["organization"] is None
    assert Member.objects.get(person__email="new@acme.example").status == "invited"


def test_codes_and_passkeys_open_every_other_organization(
    acme: Organization, provider: SsoProvider, caller: Caller
) -> None:
    ann, other = member(acme, "ann@acme.example"), factories.organization("Wings Ltd")
    member(other, "ann@acme.example")
    # As ever, and the provider's is not on the list.
    for entered in (caller.enter("ann@acme.example"), caller.enter_by(passkey_of(ann))):
        body = entered.json()
        assert (body["organization"]["id"], body["organizations"]) == (str(other.pk), [body["organization"]])
        assert move(caller, body, acme).status_code == 403
        assert caller.call("token/refresh", {"refresh_token": body["refresh_token"]}).status_code == 200
    assert caller.enter("ann@acme.example", organization_id=str(acme.pk)).status_code == 403


def test_other_domains_and_whoever_has_the_machine_are_let_in(
    acme: Organization, provider: SsoProvider, caller: Caller
) -> None:
    # Addresses of other domains, those below it included, are nobody's business.
    for email in ("guest@elsewhere.example", "guest@mail.acme.example"):
        member(acme, email)
        assert caller.enter(email).json()["organization"]["id"] == str(acme.pk)
    ann = member(acme, "ann@acme.example")
    issued = issuing.issue_token(
        email="ann@acme.example", organization_id=acme.pk, actor=factories.COMMAND, now=timezone.now()
    )
    assert issued.session.member == ann


def test_the_console_is_untouched(acme: Organization, provider: SsoProvider, caller: Caller) -> None:
    ann = member(acme, "ann@acme.example")
    Person.objects.filter(pk=ann.person_id).update(is_staff=True)
    entered = caller.enter("ann@acme.example", cookie=True)
    assert (entered.status_code, entered.json()["organization"]) == (200, None)
    assert caller.get("/admin/").status_code == 200
    # By the provider there is no console, not even with the cookie.
    stranger = Caller()
    stranger.cookies["refresh"] = vouched(ann, provider)["refresh_token"]
    refreshed = stranger.call("token/refresh", {"cookie": True})
    assert (refreshed.status_code, refreshed.json()["method"]) == (200, "sso")
    assert "sessionid" not in stranger.cookies
    assert stranger.get("/admin/").status_code == 302


def test_one_super_admin_breaks_the_glass(acme: Organization, provider: SsoProvider, caller: Caller) -> None:
    first, second = (member(acme, f"{name}@acme.example", FOUNDER_ROLE) for name in ("first", "second"))

    def lets_in() -> list[bool]:
        return [caller.enter(who.person.email).json()["organization"] is not None for who in (first, second)]

    def name(who: Member | None) -> None:
        change = Change(break_glass=who.pk if who else None)
        sso_providers.update_provider(
            provider_id=provider.pk, change=change, actor=factories.COMMAND, now=timezone.now(), reason="drill"
        )

    assert lets_in() == [True, False]
    assert trail("break_glass") == [{"member": str(first.pk), "email": "first@acme.example", "method": "code"}]
    name(second)
    assert lets_in() == [False, True]
    # One who is no super_admin any more is none to break it.
    Member.objects.filter(pk=second.pk).update(role=Role.objects.get(organization=acme, slug="admin"))
    assert lets_in() == [True, False]
    Member.objects.filter(pk=first.pk).update(status=MemberStatus.DEACTIVATED)
    assert lets_in()[1] is False
    # Nor is one who may not sign in at all: he would get nowhere, and nobody else in.
    Member.objects.filter(pk=first.pk).update(status=MemberStatus.ACTIVE)
    assert may_break_glass(provider) == [first]
    Person.objects.filter(pk=first.person_id).update(is_active=False)
    assert may_break_glass(provider) == []
    for wrong in (
        second,
        member(acme, "root@elsewhere.example", FOUNDER_ROLE),
        member(factories.organization(), "x@acme.example", FOUNDER_ROLE),
    ):
        with pytest.raises(InvalidInput):
            name(wrong)
    name(None)
    assert [entry["break_glass"] for entry in trail("update")] == [str(second.pk), None]


def test_breaking_it_by_moving_there_is_noted_too(acme: Organization, provider: SsoProvider, caller: Caller) -> None:
    boss, other = member(acme, "boss@acme.example", FOUNDER_ROLE), factories.organization("Wings Ltd")
    member(other, "boss@acme.example")
    entered = caller.enter("boss@acme.example", organization_id=str(other.pk)).json()
    assert trail("break_glass") == []
    assert move(caller, entered, acme).json()["member"]["id"] == str(boss.pk)
    assert trail("break_glass") == [{"member": str(boss.pk), "email": "boss@acme.example", "method": "code"}]


def test_an_office_begins_behind_one_address(
    provider: SsoProvider, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another bucket than that of passkeys, and a larger one.
    monkeypatch.setattr(sign_in_limits, "CHALLENGES", "1/m")
    begun = {"provider": provider.idp_provider_name}
    assert [caller.call("sso/start", begun).status_code for _ in range(3)] == [200] * 3
    assert caller.call("passkeys/login/options").status_code == 200
    monkeypatch.setattr(sign_in_limits, "BEGINNINGS", "4/m")
    assert [caller.call("sso/start", begun).status_code for _ in range(2)] == [200, 429]


def test_refusals_are_counted_by_client_address(provider: SsoProvider, caller: Caller, settings: Any) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 2
    path = f"/auth/sso/{provider.idp_provider_name}/callback"
    assert [caller.get(path).status_code for _ in range(3)] == [303, 303, 429]


def test_an_unproved_provider_takes_nothing(acme: Organization, caller: Caller) -> None:
    sso.provider(acme, "acme.example")
    member(acme, "ann@acme.example")
    assert caller.enter("ann@acme.example").json()["organization"]["id"] == str(acme.pk)


def test_sessions_from_before_end_with_their_next_refresh(acme: Organization, caller: Caller) -> None:
    ann = member(acme, "ann@acme.example")
    entered = caller.enter("ann@acme.example").json()
    sso.provider(acme, "acme.example", proved=True, now=timezone.now())
    assert caller.call("token/refresh", {"refresh_token": entered["refresh_token"]}).status_code == 401
    assert Session.objects.get(member=ann).ended_for == "sso_required"
    assert Caller(entered["access_token"]).call("passkeys", method="GET").status_code == 401


def test_both_spellings_of_a_domain_are_one(acme: Organization, caller: Caller) -> None:
    boss, ann = (member(acme, normal_email(f"{name}@München.example"), slug) for name, slug in GERMANS)
    invited = invitations.invite(
        email="Bea@MÜNCHEN.example", actor=factories.COMMAND, now=timezone.now(), organization_id=acme.pk
    )
    assert invited.person.email == "bea@xn--mnchen-3ya.example"
    for spelling in ("ann@münchen.example", "ann@xn--mnchen-3ya.example"):
        assert caller.enter(spelling).json()["person"]["id"] == str(ann.person_id), spelling
    provider = sso.provider(acme, "MÜNCHEN.example", proved=True, now=timezone.now())
    for spelling in ("münchen.example", "xn--mnchen-3ya.example"):
        assert caller.enter(f"ann@{spelling}").json()["organization"] is None
        assert caller.enter(f"boss@{spelling}").json()["member"]["id"] == str(boss.pk)
        assert address_of_domain(f"Ann@{spelling}", provider.domain) == ann.person.email
    # What merely normalizes to it is nobody's spelling.
    for other in ("ann@mu\u0308nchen.example", "ann@münchen\u3002example", "änn@münchen.example", "ann@muc.example"):
        with pytest.raises(NotLetIn):
            address_of_domain(other, provider.domain)


def test_people_known_by_letters_before_are_known_by_ascii(db: None) -> None:
    migration = import_module("ops_console.organizations.migrations.0011_email_domains_in_ascii")
    for email in ("ann@münchen.example", "bea@münchen.example", "bea@xn--mnchen-3ya.example", "cid@münchen..example"):
        Person.objects.create(email=email)
    migration.forwards(apps, None)
    assert set(Person.objects.values_list("email", flat=True)) == {
        "ann@xn--mnchen-3ya.example",
        "bea@münchen.example",
        "bea@xn--mnchen-3ya.example",
        "cid@münchen..example",
    }


# --- A provider's own sessions -------------------------------------------------------------------------------------


def test_a_providers_session_is_good_for_its_organization_alone(
    acme: Organization, provider: SsoProvider, caller: Caller
) -> None:
    ann, other = member(acme, "ann@acme.example", FOUNDER_ROLE), factories.organization("Wings Ltd")
    member(other, "ann@acme.example", FOUNDER_ROLE)
    Passkey.objects.create(
        person=ann.person, name="Mine", credential_id=b"1", public_key=b"1", created_at=timezone.now()
    )
    tokens = vouched(ann, provider)
    refreshed = caller.call("token/refresh", {"refresh_token": tokens["refresh_token"]})
    body = refreshed.json()
    assert body["organizations"] == [{"id": str(acme.pk), "name": "Acme Feathers"}]
    # Not by refresh, which is not used up by that.
    again = {"refresh_token": body["refresh_token"]}
    assert caller.call("token/refresh", {**again, "organization_id": str(other.pk)}).status_code == 403
    assert caller.call("token/refresh", {**again, "organization_id": str(acme.pk)}).status_code == 200
    # Not by anything that shows organizations.
    client = bearers.BearerClient(body["access_token"])
    assert [row["id"] for row in client.rows("organizations")] == [str(acme.pk)]
    assert client.get(f"/api/v1/organizations/{other.pk}").status_code == 404
    # Passkeys are the person's own.
    signed_in = Caller(body["access_token"])
    (passkey,) = Passkey.objects.all()
    assert signed_in.call("passkeys", method="GET").status_code == 403
    assert signed_in.call("passkeys/register/options").status_code == 403
    assert signed_in.call(f"passkeys/{passkey.pk}", method="DELETE").status_code == 403
    assert Passkey.objects.exists()


def test_the_provider_is_asked_again_after_a_time(acme: Organization, provider: SsoProvider, settings: Any) -> None:
    ann, now = member(acme, "ann@acme.example"), timezone.now()
    for said, hours in ((None, 24), (now + timedelta(hours=2), 2), (now + timedelta(days=40), 24 * 40)):
        entered = sign_in.enter_by_provider(
            member=ann, provider=provider, client=sessions.Client(), not_after=said, now=now
        )
        end, refreshed = timedelta(hours=hours), entered
        assert Session.objects.latest("id").expires_at == now + min(end, timedelta(days=settings.SESSION_DAYS))
        # Refreshed to the last, it is over all the same, and its access token with it.
        for share in (0.3, 0.6, 0.9, 0.999):
            token = refreshed.refresh_token
            refreshed = sign_in.refresh(refresh_token=token, organization_id=None, now=now + end * share)
        assert refreshed.session.expires_at == now + end
        with pytest.raises(Unauthenticated):
            bearer.authenticate(authorization=f"Bearer {refreshed.access.text}", address=None, now=now + end)
        with pytest.raises(Unauthenticated):
            sign_in.refresh(refresh_token=refreshed.refresh_token, organization_id=None, now=now + end)


def test_it_ends_with_the_provider_or_its_proof_and_codes_are_back(
    acme: Organization, provider: SsoProvider, caller: Caller
) -> None:
    ann = member(acme, "ann@acme.example")

    def lives(tokens: dict[str, Any]) -> list[int]:
        reading = bearers.BearerClient(tokens["access_token"]).get("/api/v1/members").status_code
        return [reading, caller.call("token/refresh", {"refresh_token": tokens["refresh_token"]}).status_code]

    tokens = vouched(ann, provider)
    # The record is gone; for three days that means nothing.
    later = timezone.now() + timedelta(minutes=1)
    for days in (0, 2, 3):
        sso_proofs.prove(
            provider_id=provider.pk,
            actor=factories.COMMAND,
            now=later + timedelta(days=days),
            ask=sso.asks(ProofAnswer.MISSING),
        )
        assert (Session.objects.get(sso_provider=provider).ended_at is None) == (days < 3)
    assert lives(tokens) == [401, 401]
    assert trail("lose") == [{"domain": "acme.example", "proved_at": None, "sessions_ended": 1}]
    assert caller.enter("ann@acme.example").json()["organization"]["id"] == str(acme.pk)
    sso.prove(provider, now=later + timedelta(days=4))
    tokens = vouched(ann, provider)
    assert lives(tokens)[1] == 200
    tokens = vouched(ann, provider)
    sso_providers.delete_provider(provider_id=provider.pk, actor=factories.COMMAND, now=timezone.now())
    assert lives(tokens) == [401, 401]
    assert trail("delete") == [{"sessions_ended": 2}]
    assert set(Session.objects.filter(method="sso").values_list("ended_for", flat=True)) == {"provider_gone"}
    assert caller.enter("ann@acme.example").json()["organization"]["id"] == str(acme.pk)


def test_what_is_set_on_a_provider_over_rest(acme: Organization, provider: SsoProvider) -> None:
    client = bearers.client(acme, Right.ORG_READ, Right.ORG_WRITE)
    path, boss = f"sso-providers/{provider.pk}", member(acme, "boss@acme.example", FOUNDER_ROLE)
    changed = client.send(path, {"breakGlass": str(boss.pk), "reason": "ours"}, method="PATCH")
    assert (changed.status_code, changed.json()["breakGlass"]) == (200, str(boss.pk))
    assert client.send(path, {}, method="PATCH").json()["breakGlass"] == str(boss.pk)
    assert client.send(path, {"breakGlass": None}, method="PATCH").json()["breakGlass"] is None
    # An OpenID provider sends nobody unasked; nobody else's member breaks the glass.
    stranger = tenants.member(factories.organization())
    for wrong in ({"allowsIdpInitiated": True}, {"breakGlass": str(stranger.pk)}, {"breakGlass": "x"}):
        assert client.send(path, wrong, method="PATCH").status_code == 400, wrong
    assert bearers.client(acme, Right.ORG_READ).send(path, {}, method="PATCH").status_code == 403
    elsewhere = bearers.client(factories.organization(), Right.ORG_READ, Right.ORG_WRITE)
    assert elsewhere.send(path, {}, method="PATCH").status_code == 404
