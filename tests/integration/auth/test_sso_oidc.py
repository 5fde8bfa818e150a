"""Signing in through OpenID providers over HTTPS on loopback: a real one, and one that lies."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Timer
from typing import Any, cast
from uuid import uuid4

import pytest
from django.utils import timezone

from ops_console.access.models import Session, SsoAttempt, SsoProvider
from ops_console.access.services import sessions, sso_providers, sso_sign_in
from ops_console.access.services.sso_providers import NewProvider
from ops_console.access.services.sso_sign_in import cookie_name
from ops_console.access.sso import oidc, turns
from ops_console.access.sso.refusals import NotLetIn
from ops_console.audit.models import AuditEntry
from ops_console.organizations import services as organizations
from ops_console.organizations.models import Member, MemberStatus, Organization, Person
from ops_console.organizations.services.joining import join, person_with
from tests import factories, sso, tenants
from tests.fakes import lying_provider as liar
from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.webhook_receiver import Answer, Received
from tests.openid import OpenIdProvider

from .conftest import Caller
from .visits import begin, come_back, problem, query, tokens

pytestmark = pytest.mark.django_db
DOMAIN, NAME = "acme.example", "oidc-acme.example"
ANN = {"email": "Ann@acme.example", "email_verified": True, "given_name": "Ann", "family_name": "Arbor"}


@pytest.fixture
def acme(db: None) -> Organization:
    return factories.organization("Acme Feathers")


def set_up(of: Organization, wanted: NewProvider) -> SsoProvider:
    made = sso_providers.create_provider(
        wanted=wanted, organization_id=of.pk, actor=factories.COMMAND, now=timezone.now()
    )
    return sso.prove(made, now=timezone.now())


@pytest.fixture
def provider(openid: OpenIdProvider, acme: Organization) -> SsoProvider:
    openid.know(ann=ANN)
    return set_up(acme, openid.register(DOMAIN))


def sign_in(caller: Caller, openid: OpenIdProvider, user: str = "ann", **more: Any) -> Any:
    return come_back(caller, openid.sign_in(begin(caller, NAME, **more), user))


# --- A real provider -----------------------------------------------------------------------------------------------


def test_a_stranger_of_the_domain_becomes_a_member(
    openid: OpenIdProvider, provider: SsoProvider, acme: Organization, caller: Caller
) -> None:
    back = sign_in(caller, openid, next="/inbox")
    assert (back.status_code, back["Location"], back["Cache-Control"]) == (303, "/inbox", "no-store")
    entered = tokens(caller).json()
    assert entered["method"] == "sso"
    assert entered["organization"]["id"] == str(acme.pk)
    member = Member.objects.get(pk=entered["member"]["id"])
    assert (member.person.email, member.role.slug, member.status) == ("ann@acme.example", "employee", "active")
    assert (member.name, member.profile) == ("Ann Arbor", {"first_name": "Ann", "last_name": "Arbor"})
    assert Session.objects.get().sso_provider == provider
    trail = AuditEntry.objects.filter(target_id=str(member.pk)).order_by("id").values_list("action", "actor")
    himself = member.person.email
    assert list(trail) == [("member.provision", himself), ("member.update_profile", himself)]
    # Again: the same member, nothing to write down.
    sign_in(caller, openid)
    assert Member.objects.filter(organization=acme, person=member.person).count() == 1
    assert trail.count() == 2


def test_the_mappings_of_provider_and_organization_fill_the_profile(
    openid: OpenIdProvider, acme: Organization, caller: Caller
) -> None:
    known = {
        "email": "Bea@acme.example",
        "upn": "bea@ACME.example",
        "email_verified": True,
        "given_name": "Beatrix",
        "family_name": "B" * 300,
        "department": "Lofts",
        "custom:badge": 7,
        "groups": ["night", "day"],
    }
    openid.know(bea=known)
    set_up(acme, openid.register(DOMAIN, email="upn", family_name="department"))
    mappings = [
        ("department", "department"),
        ("custom:badge", "custom:badge"),
        ("groups", "shifts"),
        ("given_name", "title"),
        ("unsaid", "phone"),
    ]
    organizations.update_sso_attribute_mappings(
        organization_id=acme.pk,
        mappings=[organizations.AttributeMapping(*each) for each in mappings],
        actor=factories.COMMAND,
        now=timezone.now(),
    )
    role = tenants.role(acme)
    invited = join(
        organization=acme,
        person=person_with("bea@acme.example"),
        role=role,
        now=timezone.now(),
        status=MemberStatus.INVITED,
        name="Bea",
        profile={"phone": "505", "title": "Flyer", "custom_attributes": {"badge": "old", "size": "M"}},
    )
    sign_in(caller, openid, "bea")
    invited.refresh_from_db()
    assert (invited.status, invited.name, invited.role_id) == ("active", "Bea", role.pk)
    assert invited.profile == {
        "first_name": "Beatrix",
        "last_name": "Lofts",
        "department": "Lofts",
        "title": "Beatrix",
        "phone": "505",
        "custom_attributes": {"badge": "7", "size": "M", "shifts": "night, day"},
    }
    trail = AuditEntry.objects.get(action="member.update_profile")
    assert "Lofts" not in json.dumps(trail.after)


def test_whom_the_provider_may_not_vouch_for(openid: OpenIdProvider, provider: SsoProvider, acme: Organization) -> None:
    gone = tenants.member(acme)
    Person.objects.filter(pk=gone.person_id).update(email="gone@acme.example")
    Member.objects.filter(pk=gone.pk).update(status=MemberStatus.DEACTIVATED)
    inactive = Person.objects.create_user("shut@acme.example", is_active=False)
    told: dict[str, tuple[dict[str, Any], str]] = {
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
        "shut": ({"email": inactive.email, "email_verified": True}, "no-member"),
        "nobody": ({}, "denied"),
    }
    openid.know(**{user: claims for user, (claims, _) in told.items()})
    n_people = Person.objects.count()
    for user, (_, expected) in told.items():
        caller = Caller()
        assert problem(sign_in(caller, openid, user)) == expected, user
        assert tokens(caller).status_code == 401
    assert Person.objects.count() == n_people


def test_an_attempt_is_one_browsers_one_providers_and_good_once(
    openid: OpenIdProvider, provider: SsoProvider, caller: Caller
) -> None:
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
    # Another provider's address, be it real or not; it is used up by that.
    elsewhere = openid.sign_in(begin(caller, NAME), "ann").replace(NAME, "oidc-other.example")
    assert problem(come_back(caller, elsewhere)) == "not-counted"
    assert problem(come_back(caller, elsewhere.replace("oidc-other.example", NAME))) == "begin-again"
    # Too late.
    late = openid.sign_in(begin(caller, NAME), "ann")
    SsoAttempt.objects.exclude(pk=kept.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert problem(come_back(caller, late)) == "begin-again"
    assert come_back(caller, url)["Location"] == "/signin"
    assert "problem=begin-again" in come_back(caller, url)["Location"]
    # The provider itself takes its code once.
    again = openid.sign_in(begin(caller, NAME), "ann")
    stolen = query(openid.sign_in(begin(caller, NAME), "ann"))["code"]
    assert "not-counted" in come_back(caller, again.replace(query(again)["code"], stolen))["Location"]


def test_where_it_leads_is_never_another_site(openid: OpenIdProvider, provider: SsoProvider, caller: Caller) -> None:
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
    wanted = openid.register(DOMAIN)
    sso_providers.create_provider(wanted=wanted, organization_id=acme.pk, actor=factories.COMMAND, now=timezone.now())
    for name in (NAME, "oidc-unknown.example", "saml-acme.example", "acme.example", "", "x" * 300):
        assert Caller().call("sso/start", {"provider": name}).status_code in (400, 404), name
    sso.prove(SsoProvider.objects.get(), now=timezone.now())
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


# --- One that lies -------------------------------------------------------------------------------------------------


@pytest.fixture
def lying(idp: IdentityProvider, acme: Organization) -> SsoProvider:
    wanted = NewProvider(
        domain=DOMAIN, type="oidc", metadata_url=liar.serve(idp), client_id="pigeon", client_secret="s"
    )
    return set_up(acme, wanted)


def test_id_tokens_that_do_not_count(idp: IdentityProvider, lying: SsoProvider) -> None:
    lies: dict[str, Callable[[str], str]] = {
        "wrong nonce": lambda nonce: liar.signed(liar.claims(idp, "another")),
        "no nonce": lambda nonce: liar.signed(liar.claims(idp, nonce) | {"nonce": ""}),
        "nonce left out": lambda nonce: liar.signed({k: v for k, v in liar.claims(idp, nonce).items() if k != "nonce"}),
        "other audience": lambda nonce: liar.signed(liar.claims(idp, nonce, aud="another")),
        "no audience": lambda nonce: liar.signed(liar.claims(idp, nonce, aud=None)),
        "two audiences": lambda nonce: liar.signed(liar.claims(idp, nonce, aud=["pigeon", "another"])),
        "other party": lambda nonce: liar.signed(liar.claims(idp, nonce, azp="another")),
        "other issuer": lambda nonce: liar.signed(liar.claims(idp, nonce, iss="https://evil.example")),
        "issuer with a slash": lambda nonce: liar.signed(liar.claims(idp, nonce, iss=idp.url("/"))),
        "expired": lambda nonce: liar.signed(liar.claims(idp, nonce, exp=1)),
        "no end": lambda nonce: liar.signed(liar.claims(idp, nonce, exp=None)),
        "of tomorrow": lambda nonce: liar.signed(liar.claims(idp, nonce, iat=2**33)),
        "not before tomorrow": lambda nonce: liar.signed(liar.claims(idp, nonce, nbf=2**33)),
        "nobody": lambda nonce: liar.signed(liar.claims(idp, nonce, sub=None)),
        "other key": lambda nonce: liar.signed(liar.claims(idp, nonce), liar.OTHER_KEY),
        "unsigned": lambda nonce: liar.unsigned(liar.claims(idp, nonce)),
        "said to be signed": lambda nonce: liar.unsigned(liar.claims(idp, nonce), "RS256"),
        "client secret": lambda nonce: liar.signed(liar.claims(idp, nonce), "s" * 32, "HS256"),
        "wrong access token": lambda nonce: liar.signed(liar.claims(idp, nonce, at_hash="AAAA")),
        "unannounced algorithm": lambda nonce: liar.signed(liar.claims(idp, nonce), liar.KEY, "PS256"),
        "no token": lambda nonce: "",
        "no object": lambda nonce: "e30.W10.",
    }
    for name, lie in lies.items():
        caller = Caller()
        url = begin(caller, NAME)
        liar.answer_code(idp, lie(query(url)["nonce"]))
        assert problem(_back(caller, url)) == "not-counted", name
    # The smallest of all changes to none: it lets in; and so does a key on an elliptic curve.
    for key, algorithm in ((liar.KEY, "RS256"), (liar.EC_KEY, "ES256")):
        caller = Caller()
        url = begin(caller, NAME)
        liar.publish(idp, key)
        claims = liar.claims(idp, query(url)["nonce"], deep=json.loads("[" * 700 + "]" * 700))
        liar.answer_code(idp, liar.signed(claims, key, algorithm))
        assert _back(caller, url)["Location"] == "/signin"


def test_its_clock_may_differ_by_a_minute(idp: IdentityProvider, lying: SsoProvider) -> None:
    at = int(time.time())
    for name, sign in (("exp", 1), ("iat", -1), ("nbf", -1)):
        for seconds, counts in ((59 * sign, True), (61 * sign, False)):
            begun = sso_sign_in.begin(
                provider_name=NAME, email="", return_to="", client=sessions.Client(), now=timezone.now()
            )
            nonce, state = (query(begun.url)[each] for each in ("nonce", "state"))
            liar.answer_code(idp, liar.signed(liar.claims(idp, nonce, **{"iat": at, "exp": at + 300, name: at})))
            is_in = True
            try:
                sso_sign_in.finish_oidc(
                    provider_name=NAME,
                    answer={"code": "any", "state": state},
                    cookies={begun.cookie: begun.secret},
                    client=sessions.Client(),
                    now=datetime.fromtimestamp(at + seconds, UTC),
                )
            except NotLetIn as refusal:
                is_in = not refusal.reason.startswith("id_token_")
            assert is_in is counts, (name, seconds)


def test_the_client_says_who_it_is_as_the_provider_wants_it(idp: IdentityProvider, acme: Organization) -> None:
    address = liar.serve(idp, token_endpoint_auth_methods_supported=["client_secret_post"])
    made = set_up(
        acme, NewProvider(domain=DOMAIN, type="oidc", metadata_url=address, client_id="pi+geon", client_secret="s: %")
    )

    def sent() -> Received:
        caller = Caller()
        url = begin(caller, NAME)
        liar.answer_code(idp, "")
        _back(caller, url)
        return next(each for each in reversed(idp.received) if each.path == "/token")

    posted = sent()
    assert {"client_id=pi%2Bgeon", "client_secret=s%3A+%25"} <= set(posted.body.decode().split("&"))
    assert "Authorization" not in posted.headers
    for offered in (["client_secret_basic", "client_secret_post"], []):
        SsoProvider.objects.update(metadata={**made.metadata, "client_authentication": offered})
        in_header = sent()
        # Each part encoded by itself (RFC 6749, 2.3.1).
        shown = base64.b64encode(b"pi%2Bgeon:s%3A+%25").decode()
        assert in_header.headers["Authorization"] == f"Basic {shown}"
        assert b"secret" not in in_header.body


def _back(caller: Caller, url: str, **members: str) -> Any:
    answer = {"code": "any", "state": query(url)["state"], **members}
    return caller.get(f"/auth/sso/{NAME}/callback", answer)


def test_answers_and_servers_that_do_not_count(idp: IdentityProvider, lying: SsoProvider) -> None:
    def visit(served: dict[str, Any] | None = None, **members: str) -> str:
        caller = Caller()
        url = begin(caller, NAME)
        liar.answer_code(idp, liar.signed(liar.claims(idp, query(url)["nonce"])), {"sub": "ann"})
        with_documents = dict(idp.documents)
        idp.documents.update(served or {})
        told = problem(_back(caller, url, **members))
        idp.documents = with_documents
        return told

    assert visit(iss="https://evil.example") == "not-counted"
    assert visit(error="access_denied") == "denied"
    assert visit(code="") == "not-counted"
    for answer, told in (
        (Answer(500), "unreachable"),
        (Answer(400, body=b'{"error": "invalid_grant"}'), "not-counted"),
        (Answer(302, headers={"Location": "https://169.254.169.254/"}), "unreachable"),
        (Answer(body=b"<html>"), "not-counted"),
        (Answer(body=b"[]"), "not-counted"),
        (Answer(body=b"[" * 100_000), "not-counted"),
        (Answer(body=b"x" * 300_000), "unreachable"),
    ):
        assert visit({"/token": answer}) == told, answer
    for path in ("/jwks", "/userinfo"):
        redirect, deep = Answer(302, headers={"Location": "/"}), Answer(body=b"[" * 100_000)
        for answer in (Answer(404), Answer(body=b"[]"), Answer(body=b"<"), deep, redirect):
            assert visit({path: answer}) == "unreachable", (path, answer)
    wrong_keys: list[dict[str, Any]] = [
        {},
        {"keys": 7},
        {"keys": []},
        {"keys": [7, {}, {"kty": "RSA"}, {"kty": "oct", "k": "cw"}]},
    ]
    for keys in wrong_keys:
        assert visit({"/jwks": Answer(body=json.dumps(keys).encode())}) == "not-counted", keys
    assert visit({"/userinfo": Answer(body=b'{"sub": "bea"}')}) == "not-counted"
    # However an address came to be kept, the guard is asked again at each call.
    for name in ("token_endpoint", "jwks_uri", "userinfo_endpoint"):
        for url in ("https://10.0.0.1/", "https://169.254.169.254/", "http://127.0.0.1/"):
            SsoProvider.objects.update(metadata={**lying.metadata, name: url})
            assert visit() == "unreachable", (name, url)


def test_a_slow_provider_keeps_few_threads_and_not_for_long(
    idp: IdentityProvider, lying: SsoProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def visit(after_s: float = 0) -> str:
        caller = Caller()
        url = begin(caller, NAME)
        liar.answer_code(idp, liar.signed(liar.claims(idp, query(url)["nonce"])))
        for path in ("/token", "/jwks", "/userinfo"):
            idp.documents[path] = replace(cast(Answer, idp.documents[path]), after_s=after_s)
        return str(_back(caller, url)["Location"])

    monkeypatch.setattr(oidc, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(turns, "PATIENCE_S", 0.1)
    # Each of the three in time, and all of them not.
    assert visit(0.5) == "/signin?problem=unreachable"
    with turns.turn(lying.pk), turns.turn(uuid4()):
        assert visit() == "/signin"
        with turns.turn(lying.pk):
            assert visit() == "/signin?problem=unreachable"
    assert visit() == "/signin"
    # Who waits for his turn gets it once another is through.
    monkeypatch.setattr(turns, "PATIENCE_S", 60)
    with turns.turn(lying.pk), ExitStack() as another:
        another.enter_context(turns.turn(lying.pk))
        leaving = Timer(0.2, another.pop_all().close)
        leaving.start()
        assert visit() == "/signin"
        leaving.join()
    assert not turns._under_way


def test_who_vouches_for_the_address_says_it_is_verified(idp: IdentityProvider, lying: SsoProvider) -> None:
    def visit(userinfo: dict[str, Any], **changes: Any) -> Any:
        caller = Caller()
        url = begin(caller, NAME)
        liar.answer_code(idp, liar.signed(liar.claims(idp, query(url)["nonce"], **changes)), {"sub": "ann", **userinfo})
        return _back(caller, url)

    other = {"email": "bea@acme.example", "email_verified": True}
    assert problem(visit({"email_verified": True}, email_verified=None)) == "other-address"
    assert problem(visit({}, email_verified=None)) == "unverified"
    assert problem(visit(other, email_verified=False)) == "unverified"
    for almost in ("yes", 1, 1.0, [True]):
        assert problem(visit(other, email_verified=almost)) == "unverified", almost
    visit(other, email_verified=None)
    assert Session.objects.get(method="sso").person.email == "bea@acme.example"
    Session.objects.all().delete()
    assert visit({}, email_verified="true")["Location"] == "/signin"
    Session.objects.all().delete()
    # Verified is what ``email`` says: another claim may hold the same address and none beside it.
    SsoProvider.objects.update(attribute_mapping={"email": "preferred_username"})
    for said, expected in (
        ({"email": "mallory@acme.example"}, "unverified"),
        ({"email": "mallory@else.example"}, "other-address"),
        ({"email": None}, "other-address"),
        ({"email_verified": False}, "unverified"),
    ):
        assert problem(visit({}, preferred_username="ann@acme.example", **said)) == expected, said
    assert visit({}, preferred_username="Ann@acme.example")["Location"] == "/signin"


def test_a_small_key_signs_nothing(idp: IdentityProvider, lying: SsoProvider, caller: Caller) -> None:
    liar.publish(idp, liar.SMALL_KEY)
    url = begin(caller, NAME)
    with pytest.warns(match="RSA|key"):
        token = liar.signed(liar.claims(idp, query(url)["nonce"]), liar.SMALL_KEY)
    liar.answer_code(idp, token)
    assert problem(_back(caller, url)) == "not-counted"


def test_a_provider_that_promises_to_name_itself_does(
    idp: IdentityProvider, acme: Organization, caller: Caller
) -> None:
    address = liar.serve(idp, authorization_response_iss_parameter_supported=True)
    set_up(acme, NewProvider(domain=DOMAIN, type="oidc", metadata_url=address, client_id="pigeon"))
    url = begin(caller, NAME)
    assert query(url)["code_challenge_method"] == "S256"
    assert problem(_back(caller, url)) == "not-counted"
    url = begin(caller, NAME)
    liar.answer_code(idp, liar.signed(liar.claims(idp, query(url)["nonce"])))
    assert _back(caller, url, iss=idp.url(""))["Location"] == "/signin"
    # A public client names itself, and shows what only the browser that began can know.
    sent = next(each for each in idp.received if each.path == "/token").body.decode()
    assert "client_id=pigeon" in sent
    assert "code_verifier=" in sent
