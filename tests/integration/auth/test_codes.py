"""Signing in by a code: works, wrong, malformed, repeated, expired, limited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.utils import timezone

from ops_console.access.models import Session, SignInCode
from ops_console.access.services import codes
from ops_console.letters import services as letters
from ops_console.letters.models import Letter
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.services.joining import join
from tests import factories, tenants

from .conftest import Caller, code_sent_to

pytestmark = pytest.mark.django_db
NEWCOMER = "newcomer@example.com"


def claims(answer: Any) -> Any:
    return jwt.decode(answer.json()["access_token"], options={"verify_signature": False})


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_code_signs_a_member_in(caller: Caller, member: Member) -> None:
    answer = caller.enter(member.person.email)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["person"] == {"id": str(member.person_id), "email": member.person.email, "is_staff": False}
    assert body["organization"] == {"id": str(member.organization_id), "name": member.organization.name}
    assert body["member"] == {"id": str(member.id), "name": "", "role": member.role.slug}
    assert claims(answer)["custom:org_id"] == str(member.organization_id)
    assert claims(answer)["sub"] == str(member.person_id)
    assert answer["Cache-Control"] == "no-store"
    session = Session.objects.get(pk=claims(answer)["sid"])
    assert (session.method, session.address) == ("code", caller.defaults["REMOTE_ADDR"])


def test_the_letter(caller: Caller) -> None:
    caller.call("otp/start", {"email": NEWCOMER})
    letter = Letter.objects.get(to=NEWCOMER)
    written, code = letters.unseal(letter), code_sent_to(NEWCOMER)
    assert code in written.subject
    assert code in written.html
    assert "3 minutes" in written.text
    assert letter.give_up_at - letter.created_at == timedelta(minutes=3)


def test_only_a_keyed_digest_is_stored(caller: Caller) -> None:
    code = caller.code_for(NEWCOMER)
    row = SignInCode.objects.get()
    assert len(bytes(row.code_digest)) == 32
    assert codes.digest("other@example.com", code) != bytes(row.code_digest)


def test_nothing_tells_whether_an_address_is_known(
    caller: Caller, member: Member, django_assert_num_queries: Any
) -> None:
    answers = []
    for email in (member.person.email, NEWCOMER, NEWCOMER):
        # A savepoint round the code and the letter.
        with django_assert_num_queries(4) as counted:
            answers.append(caller.call("otp/start", {"email": email}))
        assert not any("organizations_" in query["sql"] for query in counted.captured_queries)
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    wrongs = [
        caller.call("otp/verify", {"email": e, "code": "000000"}) for e in (member.person.email, NEWCOMER, "x@y.z")
    ]
    assert len({wrong.content for wrong in wrongs if wrong.status_code == 401}) == 1


def test_somebody_new_gets_a_token_without_an_organization(caller: Caller) -> None:
    answer = caller.call("otp/verify", {"email": "  NewComer@Example.com ", "code": caller.code_for(NEWCOMER)})
    assert "custom:org_id" not in claims(answer)
    assert (answer.json()["organization"], answer.json()["member"], answer.json()["organizations"]) == (None, None, [])
    assert Person.objects.get(email=NEWCOMER).has_usable_password() is False
    refused = Caller(answer.json()["access_token"]).get("/api/v1/accounts")
    assert refused.status_code == 403


def test_a_member_of_several_chooses(caller: Caller, member: Member) -> None:
    other = factories.organization("Wings Ltd")
    join(organization=other, person=member.person, role=tenants.role(other), now=timezone.now())
    email = member.person.email
    code = caller.code_for(email)
    choice = caller.call("otp/verify", {"email": email, "code": code})
    assert choice.status_code == 200
    assert choice.json() == {
        "organizations": [
            {"id": str(member.organization_id), "name": member.organization.name},
            {"id": str(other.id), "name": "Wings Ltd"},
        ]
    }
    assert not Session.objects.exists()
    answer = caller.call("otp/verify", {"email": email, "code": code, "organization_id": str(other.id)})
    assert claims(answer)["custom:org_id"] == str(other.id)
    assert len(answer.json()["organizations"]) == 2
    again = caller.call("otp/verify", {"email": email, "code": code, "organization_id": str(other.id)})
    assert problem(again) == (401, "unauthenticated")


def test_an_organization_of_others_is_refused(caller: Caller, member: Member) -> None:
    answer = caller.enter(member.person.email, organization_id=str(factories.organization().id))
    assert problem(answer) == (403, "forbidden")


def test_an_invited_member_becomes_active(caller: Caller, member: Member) -> None:
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.INVITED)
    assert caller.enter(member.person.email).status_code == 200
    member.refresh_from_db()
    assert member.status == MemberStatus.ACTIVE


def test_a_deactivated_member_is_let_in_nowhere(caller: Caller, member: Member) -> None:
    Member.objects.filter(pk=member.pk).update(status=MemberStatus.DEACTIVATED)
    email = member.person.email
    assert problem(caller.enter(email, organization_id=str(member.organization_id))) == (403, "forbidden")
    assert caller.enter(email).json()["organization"] is None


def test_an_inactive_person_is_refused(caller: Caller, member: Member) -> None:
    Person.objects.filter(pk=member.person_id).update(is_active=False)
    assert problem(caller.enter(member.person.email)) == (401, "unauthenticated")


# --- Wrong, used, expired, tried too often ------------------------------------------------------------------------


def attempt(caller: Caller, code: str, email: str = NEWCOMER, **headers: str) -> int:
    return int(caller.call("otp/verify", {"email": email, "code": code}, **headers).status_code)


def test_a_code_has_five_tries(caller: Caller) -> None:
    code = caller.code_for(NEWCOMER)
    assert [attempt(caller, other_than(code)) for _ in range(4)] == [401] * 4
    assert attempt(caller, code) == 200
    code = caller.code_for(NEWCOMER)
    assert [attempt(caller, other_than(code)) for _ in range(5)] == [401] * 5
    assert attempt(caller, code) == 401


def test_tries_count_whatever_the_request_carries(caller: Caller) -> None:
    """With a kept answer the transaction would take the tries back."""
    code = caller.code_for(NEWCOMER)
    for number in range(5):
        assert attempt(caller, other_than(code), **{"Idempotency-Key": f"key {number}"}) == 401
    assert attempt(caller, code) == 401


def test_a_code_is_good_once(caller: Caller) -> None:
    code = caller.code_for(NEWCOMER)
    assert [attempt(caller, code), attempt(caller, code)] == [200, 401]


def test_a_code_is_good_for_three_minutes(caller: Caller) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        code = caller.code_for(NEWCOMER)
        clock.shift(timedelta(seconds=179))
        assert attempt(caller, code) == 200
        code = caller.code_for(NEWCOMER)
        clock.shift(timedelta(seconds=180))
        assert attempt(caller, code) == 401


def test_the_next_code_replaces_the_last(caller: Caller) -> None:
    first = caller.code_for(NEWCOMER)
    second = caller.code_for(NEWCOMER)
    assert attempt(caller, first) == (401 if first != second else 200)
    assert attempt(caller, second) == 200


def test_a_code_is_for_its_address_alone(caller: Caller) -> None:
    code = caller.code_for(NEWCOMER)
    caller.code_for("other@example.com")
    assert attempt(caller, code, "other@example.com") == 401


# --- Malformed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("otp/start", {}, ["/email"]),
        ("otp/start", {"email": "no address"}, ["/email"]),
        ("otp/start", {"email": "x" * 250 + "@example.com"}, ["/email"]),
        ("otp/start", {"email": 7}, ["/email"]),
        ("otp/start", {"email": NEWCOMER, "nonsense": 1}, ["/nonsense"]),
        ("otp/start", [], [""]),
        ("otp/start", b"{", [""]),
        ("otp/verify", {"email": NEWCOMER}, ["/code"]),
        ("otp/verify", {"email": NEWCOMER, "code": 123456}, ["/code"]),
        ("otp/verify", {"email": NEWCOMER, "code": "12345"}, ["/code"]),
        ("otp/verify", {"email": "no", "code": "123456"}, ["/email"]),
        ("otp/verify", {"email": NEWCOMER, "code": "123456", "organization_id": "x"}, ["/organization_id"]),
        ("otp/verify", {"email": NEWCOMER, "code": "123456", "organization_id": 7}, ["/organization_id"]),
        ("otp/verify", {"email": NEWCOMER, "code": "123456", "cookie": "yes"}, ["/cookie"]),
    ],
)
def test_malformed(caller: Caller, path: str, body: Any, pointers: list[str]) -> None:
    answer = caller.call(path, body)
    assert problem(answer) == (400, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert not Letter.objects.exists()


def test_other_paths_and_methods_are_problems(caller: Caller) -> None:
    assert problem(caller.call("otp/nothing")) == (404, "not_found")
    assert problem(caller.get("/auth/otp/start")) == (405, "method_not_allowed")


# --- Limits -------------------------------------------------------------------------------------------------------


def test_codes_are_limited_by_address(settings: Any) -> None:
    settings.CODES_PER_EMAIL_PER_HOUR = 3
    email = f"popular{next(factories.numbers)}@example.com"
    # From anywhere.
    answers = [Caller().call("otp/start", {"email": email}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 3600
    assert Letter.objects.filter(to=email).count() == 3


def test_codes_are_limited_by_client(settings: Any, caller: Caller) -> None:
    settings.CODES_PER_CLIENT_PER_HOUR = 3
    answers = [caller.call("otp/start", {"email": f"r{next(factories.numbers)}@example.com"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert Caller().call("otp/start", {"email": NEWCOMER}).status_code == 202


def test_guesses_are_limited_by_address_however_many_codes_are_asked_for(settings: Any) -> None:
    settings.WRONG_CODES_PER_EMAIL_PER_DAY = 6
    email = f"victim{next(factories.numbers)}@example.com"
    for _ in range(2):
        code = Caller().code_for(email)
        assert [attempt(Caller(), other_than(code), email) for _ in range(3)] == [401] * 3
    code = Caller().code_for(email)
    answer = Caller().call("otp/verify", {"email": email, "code": code})
    # Even the right one: it might be the guess that hit.
    assert problem(answer) == (429, "rate_limited")
    assert int(answer["Retry-After"]) > 0


def test_nobody_is_shut_out_by_guesses_at_no_code(settings: Any) -> None:
    settings.WRONG_CODES_PER_EMAIL_PER_DAY = 6
    email = f"victim{next(factories.numbers)}@example.com"
    assert [attempt(Caller(), "000000", email) for _ in range(7)] == [401] * 7
    code = Caller().code_for(email)
    assert [attempt(Caller(), other_than(code), email) for _ in range(5)] == [401] * 5
    # Its tries are taken: nothing is left to guess.
    assert [attempt(Caller(), other_than(code), email) for _ in range(2)] == [401] * 2
    assert attempt(Caller(), Caller().code_for(email), email) == 200


def test_guesses_are_limited_by_client(settings: Any, caller: Caller) -> None:
    settings.WRONG_CODES_PER_CLIENT_PER_HOUR = 3
    for _ in range(3):
        assert attempt(caller, "000000", f"r{next(factories.numbers)}@example.com") == 401
    code = Caller().code_for(NEWCOMER)
    assert attempt(caller, code) == 429
    assert attempt(Caller(), code) == 200


def test_good_codes_are_no_guesses(settings: Any, caller: Caller) -> None:
    settings.WRONG_CODES_PER_EMAIL_PER_DAY = settings.WRONG_CODES_PER_CLIENT_PER_HOUR = 2
    email = f"regular{next(factories.numbers)}@example.com"
    assert [caller.enter(email).status_code for _ in range(4)] == [200] * 4


def test_expired_codes_are_deleted(caller: Caller) -> None:
    caller.code_for(NEWCOMER)
    assert codes.purge(now=timezone.now()) == 0
    assert codes.purge(now=timezone.now() + codes.LIFETIME) == 1
