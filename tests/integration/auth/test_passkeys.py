"""Passkeys over HTTP, answered by an authenticator in software that can be told to cheat."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from ops_console.access.models import Passkey, PasskeyChallenge, Session
from ops_console.access.services import passkeys
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.rights import Right
from ops_console.organizations.services.joining import join
from tests import bearers, factories, tenants
from tests.bearers import token_of
from tests.fakes.authenticator import Authenticator, text

from .conftest import Caller

pytestmark = pytest.mark.django_db
NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def phone(signed_in: Caller) -> Authenticator:
    """An authenticator with a passkey of the member."""
    authenticator = Authenticator()
    assert signed_in.add_passkey(authenticator, name="Phone").status_code == 201
    return authenticator


# --- Adding -------------------------------------------------------------------------------------------------------


def test_a_signed_in_person_adds_a_passkey(signed_in: Caller, member: Member) -> None:
    options = signed_in.call("passkeys/register/options").json()
    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["user"]["id"] == text(member.person_id.bytes)
    answer = signed_in.call("passkeys/register/verify", {"credential": Authenticator().create(options), "name": "Key"})
    assert answer.status_code == 201
    row = Passkey.objects.get()
    assert (answer.json()["id"], answer.json()["name"]) == (str(row.id), "Key")
    assert (row.person, row.transports) == (member.person, ["internal"])
    entry = AuditEntry.objects.get(action="passkey.add")
    assert (entry.actor, entry.after["name"]) == (member.person.email, "Key")
    assert not PasskeyChallenge.objects.exists()


def test_several_of_one_person(signed_in: Caller, member: Member) -> None:
    keys = [Authenticator(), Authenticator()]
    for key in keys:
        signed_in.add_passkey(key)
    listed = signed_in.get("/auth/passkeys").json()["passkeys"]
    assert [passkey["name"] for passkey in listed] == ["Passkey", "Passkey"]
    for key in keys:
        assert Caller().enter_by(key).json()["person"]["id"] == str(member.person_id)
    excluded = signed_in.call("passkeys/register/options").json()["excludeCredentials"]
    assert {each["id"] for each in excluded} == {text(key.id) for key in keys}


def test_at_most_twenty(signed_in: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST_OF_A_PERSON", 1)
    options = signed_in.call("passkeys/register/options").json()
    signed_in.add_passkey(Authenticator())
    late = signed_in.call("passkeys/register/verify", {"credential": Authenticator().create(options)})
    assert late.status_code == 409
    assert signed_in.call("passkeys/register/options").status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "passkeys/register/options"),
        ("POST", "passkeys/register/verify"),
        ("GET", "passkeys"),
        ("DELETE", f"passkeys/{NOWHERE}"),
    ],
)
def test_only_persons_have_passkeys(method: str, path: str, caller: Caller) -> None:
    body: Any = {"credential": {}}
    assert caller.call(path, body, method=method).status_code == 401
    assert Caller("wrong").call(path, body, method=method).status_code == 401
    key = bearers.key_text(factories.organization(), Right.ORG_READ)
    if not path.endswith("options"):
        assert Caller(key).call(path, body, method=method).status_code == 403
    assert Caller(key).call(path, method=method).status_code in (400, 403)


def test_an_identity_provider_vouches_for_no_passkey(member: Member) -> None:
    token = token_of(member)
    Session.objects.update(method="sso")
    assert Caller(token).call("passkeys/register/options").status_code == 403


def cheating(**how: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda options: Authenticator(**how).create(options)


def swapped(options: dict[str, Any]) -> Any:
    return Authenticator().create({**options, "challenge": text(b"another challenge of the same length")})


CHEATS = {
    "another origin": cheating(origin="https://evil.example"),
    "another party": cheating(relying_party="evil.example"),
    "nobody verified": cheating(verifies=False),
    "another challenge": swapped,
    "nothing": lambda options: {},
    "no object": lambda options: [],
    "empty response": lambda options: {"response": {}},
    "client data of a number": lambda options: {"response": {"clientDataJSON": 7}},
    "bad attestation": lambda options: {
        **(good := Authenticator().create(options)),
        "response": {**good["response"], "attestationObject": "AAAA"},
    },
}


@pytest.mark.parametrize("name", CHEATS)
def test_answers_that_do_not_count(name: str, signed_in: Caller) -> None:
    options = signed_in.call("passkeys/register/options").json()
    answer = signed_in.call("passkeys/register/verify", {"credential": CHEATS[name](options)})
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/credential"]
    assert not Passkey.objects.exists()


def test_a_challenge_is_good_for_one_answer_of_one_person(signed_in: Caller, member: Member) -> None:
    options = signed_in.call("passkeys/register/options").json()
    other = Caller(token_of(tenants.member(member.organization)))
    assert other.call("passkeys/register/verify", {"credential": Authenticator().create(options)}).status_code == 400
    first = signed_in.call("passkeys/register/verify", {"credential": Authenticator().create(options)})
    again = signed_in.call("passkeys/register/verify", {"credential": Authenticator().create(options)})
    assert (first.status_code, again.status_code) == (201, 400)


def test_a_challenge_to_sign_in_adds_no_passkey(signed_in: Caller) -> None:
    challenge = signed_in.call("passkeys/login/options").json()["challenge"]
    options = {**signed_in.call("passkeys/register/options").json(), "challenge": challenge}
    answer = signed_in.call("passkeys/register/verify", {"credential": Authenticator().create(options)})
    assert answer.status_code == 400


def test_a_passkey_is_one_persons(signed_in: Caller, phone: Authenticator, member: Member) -> None:
    other = Caller(token_of(tenants.member(member.organization)))
    assert other.add_passkey(phone).status_code == 409
    assert Passkey.objects.get().person == member.person


@pytest.mark.parametrize("name", ["x" * 101, "ta\tb", 7])
def test_names(name: Any, signed_in: Caller) -> None:
    answer = signed_in.add_passkey(Authenticator(), name=name)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/name"]


# --- Signing in ---------------------------------------------------------------------------------------------------


def test_a_passkey_signs_in(caller: Caller, phone: Authenticator, member: Member) -> None:
    options = caller.call("passkeys/login/options").json()
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    assert not options.get("allowCredentials")
    answer = caller.call("passkeys/login/verify", {"credential": phone.get(options)})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["person"]["email"], body["organization"]["id"]) == (member.person.email, str(member.organization_id))
    assert body["refresh_token"]
    row = Passkey.objects.get()
    assert (row.sign_count, row.last_used_at is not None) == (phone.count, True)
    assert Session.objects.latest("id").method == "passkey"


def test_staff_get_a_console_session_from_a_passkey(caller: Caller) -> None:
    person = factories.member_of_staff("Operations")
    phone = Authenticator()
    token = caller.enter(person.email).json()["access_token"]
    Caller(token).add_passkey(phone)
    assert caller.enter_by(phone, cookie=True).status_code == 200
    assert caller.get("/admin/").status_code == 200


def test_a_member_of_several_chooses(caller: Caller, phone: Authenticator, member: Member) -> None:
    other = factories.organization("Wings Ltd")
    join(organization=other, person=member.person, role=tenants.role(other), now=timezone.now())
    credential = phone.get(caller.call("passkeys/login/options").json())
    choice = caller.call("passkeys/login/verify", {"credential": credential}).json()
    assert [each["name"] for each in choice["organizations"]] == [member.organization.name, "Wings Ltd"]
    assert "access_token" not in choice
    body = {"credential": credential, "organization_id": str(other.id)}
    assert caller.call("passkeys/login/verify", body).json()["organization"]["id"] == str(other.id)
    assert caller.call("passkeys/login/verify", body).status_code == 401


def test_an_invited_member_becomes_active(caller: Caller, phone: Authenticator, member: Member) -> None:
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.INVITED)
    assert caller.enter_by(phone).status_code == 200
    member.refresh_from_db()
    assert member.status == MemberStatus.ACTIVE


def test_an_inactive_person_is_refused(caller: Caller, phone: Authenticator) -> None:
    Person.objects.update(is_active=False)
    assert caller.enter_by(phone).status_code == 401


def wrong(name: str, phone: Authenticator, options: dict[str, Any]) -> Any:
    """An answer that must not count."""
    if name == "another origin":
        phone.origin = "https://evil.example"
    elif name == "another party":
        phone.relying_party = "evil.example"
    elif name == "nobody verified":
        phone.verifies = False
    elif name == "another challenge":
        options = {**options, "challenge": text(bytes(32))}
    elif name == "unknown passkey":
        phone.id = bytes(32)
    elif name == "another's handle":
        phone.user = bytes(16)
    elif name == "another key":
        phone.key = Authenticator().key
    elif name == "nothing":
        return {}
    return phone.get(options)


@pytest.mark.parametrize(
    "name",
    [
        "another origin",
        "another party",
        "nobody verified",
        "another challenge",
        "unknown passkey",
        "another's handle",
        "another key",
        "nothing",
    ],
)
def test_refusals_are_not_told_apart(name: str, caller: Caller, phone: Authenticator) -> None:
    options = caller.call("passkeys/login/options").json()
    answer = caller.call("passkeys/login/verify", {"credential": wrong(name, phone, options)})
    assert answer.status_code == 401
    assert answer.json()["detail"] == passkeys.WRONG
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_answer_is_good_once(caller: Caller, phone: Authenticator) -> None:
    # It does not count, so that only the challenge tells.
    phone.count = -1
    credential = phone.get(caller.call("passkeys/login/options").json())
    statuses = [caller.call("passkeys/login/verify", {"credential": credential}).status_code for _ in range(2)]
    assert statuses == [200, 401]


def test_a_count_that_goes_back_betrays_a_copy(caller: Caller, phone: Authenticator) -> None:
    phone.count = 10
    assert caller.enter_by(phone).status_code == 200
    phone.count = 3
    assert caller.enter_by(phone).status_code == 401
    phone.count = 11
    assert caller.enter_by(phone).status_code == 200


def test_authenticators_that_do_not_count_are_fine(caller: Caller, phone: Authenticator) -> None:
    for _ in range(2):
        phone.count = -1
        assert caller.enter_by(phone).status_code == 200


def test_a_challenge_lasts_five_minutes(caller: Caller, phone: Authenticator) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        credential = phone.get(caller.call("passkeys/login/options").json())
        clock.shift(timedelta(minutes=5))
        assert caller.call("passkeys/login/verify", {"credential": credential}).status_code == 401
        assert passkeys.purge(now=timezone.now()) == 1


def test_challenges_are_limited_by_client(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops_console.access.services.sign_in_limits.CHALLENGES", "3/m")
    answers = [caller.call("passkeys/login/options") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1]["Retry-After"]


def test_wrong_answers_are_limited_by_client(caller: Caller, settings: Any) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 2
    answers = [caller.call("passkeys/login/verify", {"credential": {}}).status_code for _ in range(3)]
    assert answers == [401, 401, 429]


@pytest.mark.parametrize("body", [{}, {"credential": "x"}, {"credential": None}, {"credential": {}, "x": 1}])
def test_malformed(body: Any, caller: Caller) -> None:
    assert caller.call("passkeys/login/verify", body).status_code == 400


def test_garbage_is_refused_in_the_same_words(caller: Caller) -> None:
    """Whatever the bytes are, they lead to a refusal and never to a failure."""
    data = {"type": "webauthn.get", "challenge": text(bytes(32)), "origin": "x"}
    values: list[Any] = [None, 7, "", "x", "====", text(b"\xff"), text(json.dumps(data).encode()), [], {}]
    values += [base64.b64encode(b"[]").decode(), text(b"[]"), text(b'{"type": 7}'), text(b'"x"')]
    for value in values:
        response = {"clientDataJSON": value, "authenticatorData": value, "signature": value, "userHandle": value}
        credential = {"id": value, "rawId": value, "type": "public-key", "response": response}
        assert caller.call("passkeys/login/verify", {"credential": credential}).status_code == 401, value


# --- Removing -----------------------------------------------------------------------------------------------------


def test_a_removed_passkey_signs_in_no_more(signed_in: Caller, phone: Authenticator, member: Member) -> None:
    passkey = Passkey.objects.get()
    assert signed_in.call(f"passkeys/{passkey.id}", method="DELETE").status_code == 204
    assert Caller().enter_by(phone).status_code == 401
    assert signed_in.get("/auth/passkeys").json() == {"passkeys": []}
    entry = AuditEntry.objects.get(action="passkey.remove")
    assert (entry.target_id, entry.before["name"]) == (str(passkey.id), "Phone")
    assert signed_in.call(f"passkeys/{passkey.id}", method="DELETE").status_code == 404


def test_passkeys_of_others_are_not_there(phone: Authenticator, member: Member) -> None:
    other = Caller(token_of(tenants.member(member.organization)))
    assert other.call(f"passkeys/{Passkey.objects.get().id}", method="DELETE").status_code == 404
    assert other.call("passkeys/x", method="DELETE").status_code == 404
    assert other.get("/auth/passkeys").json() == {"passkeys": []}
    assert Passkey.objects.exists()


def test_somebody_without_an_organization_has_passkeys_too() -> None:
    caller = Caller(bearers.founders_token())
    phone = Authenticator()
    assert caller.add_passkey(phone).status_code == 201
    assert Caller().enter_by(phone).json()["organization"] is None
