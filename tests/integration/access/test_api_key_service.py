"""ApiKeyService, through the whole pipeline."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from protobuf.wkt import Timestamp

from ops_console.access.models import ApiKey, IdempotencyRecord
from ops_console.gen.pidgr.v1 import api_key_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Permission
from ops_console.organizations.rights import Right
from ops_console.organizations.services import joining
from tests import callers
from tests.pidgr import Tenant, call, code, faults, refusal, token_of

pytestmark = pytest.mark.django_db
CREATE, LIST, REVOKE = (f"ApiKeyService.{name}ApiKey{s}" for name, s in (("Create", ""), ("List", "s"), ("Revoke", "")))
KEEPER = (Right.ORG_READ, Right.ORG_WRITE)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def other() -> Tenant:
    return Tenant.new("Other")


def wanted(**given: object) -> pb.CreateApiKeyRequest:
    return pb.CreateApiKeyRequest(**{"name": "till", "permissions": [Permission.ORG_READ], **given})  # type: ignore[arg-type]


def revoking(api_key: pb.ApiKey | None) -> pb.RevokeApiKeyRequest:
    return pb.RevokeApiKeyRequest(api_key_id=api_key.id if api_key else str(uuid4()))


def test_a_key_is_made_shown_once_used_and_revoked(tenant: Tenant) -> None:
    person, expires_at = tenant.person(*KEEPER), timezone.now() + timedelta(days=1)
    made = call(CREATE, wanted(expires_at=Timestamp.from_datetime(expires_at)), person)
    assert (made.api_key.name, made.api_key.permissions) == ("till", [Permission.ORG_READ])
    assert (made.api_key.expires_at.to_datetime(), made.api_key.last_used_at) == (expires_at, None)
    assert made.key.startswith(made.api_key.key_prefix)
    (listed,) = call(LIST, pb.ListApiKeysRequest(), made.key).api_keys
    assert (listed.id, listed.key_prefix) == (made.api_key.id, made.api_key.key_prefix)
    assert listed.last_used_at.to_datetime() > timezone.now() - timedelta(minutes=1)
    call(REVOKE, revoking(made.api_key), person)
    assert call(LIST, pb.ListApiKeysRequest(), person).api_keys == []
    assert code(LIST, pb.ListApiKeysRequest(), made.key) == "UNAUTHENTICATED"


def test_keys_come_newest_first_without_those_of_others(tenant: Tenant, other: Tenant) -> None:
    person, stranger = tenant.person(*KEEPER), other.person(*KEEPER)
    made = [call(CREATE, wanted(name=name), person).api_key.id for name in "abc"]
    call(CREATE, wanted(), stranger)
    assert [key.id for key in call(LIST, pb.ListApiKeysRequest(), person).api_keys] == made[::-1]
    assert code(REVOKE, pb.RevokeApiKeyRequest(api_key_id=made[0]), stranger) == "NOT_FOUND"
    assert code(REVOKE, revoking(None), person) == "NOT_FOUND"


def test_a_list_costs_the_same_however_long(tenant: Tenant) -> None:
    person = tenant.person(*KEEPER)
    counts = []
    for _ in range(2):
        for _ in range(3):
            call(CREATE, wanted(), person)
        with CaptureQueriesContext(connection) as queries:
            call(LIST, pb.ListApiKeysRequest(), person)
        counts.append(len(queries))
    assert counts == [2, 2]


def test_who_may(tenant: Tenant) -> None:
    reader, writer = tenant.person(Right.ORG_READ), tenant.person(Right.ORG_WRITE)
    api_key = call(CREATE, wanted(permissions=[Permission.ORG_WRITE]), writer).api_key
    assert len(call(LIST, pb.ListApiKeysRequest(), reader).api_keys) == 1
    assert code(LIST, pb.ListApiKeysRequest(), writer) == "PERMISSION_DENIED"
    for credential, expected in (
        ("", "UNAUTHENTICATED"),
        ("pidgr_k_nonsense", "UNAUTHENTICATED"),
        (reader, "PERMISSION_DENIED"),
        (tenant.key(rights=[Right.ORG_READ]), "PERMISSION_DENIED"),
        (token_of(joining.person_with("founder@example.com")), "PERMISSION_DENIED"),
        (callers.service_key("organizations"), "PERMISSION_DENIED"),
    ):
        assert code(CREATE, wanted(), credential) == expected
        assert code(REVOKE, revoking(api_key), credential) == expected


def test_revoking_again_is_told(tenant: Tenant) -> None:
    person = tenant.person(*KEEPER)
    api_key = call(CREATE, wanted(), person).api_key
    call(REVOKE, revoking(api_key), person)
    assert code(REVOKE, revoking(api_key), person) == "FAILED_PRECONDITION"


def test_a_key_revokes_itself(tenant: Tenant) -> None:
    key = call(CREATE, wanted(permissions=[Permission.ORG_WRITE]), tenant.person(*KEEPER))
    call(REVOKE, revoking(key.api_key), key.key)
    assert code(REVOKE, revoking(key.api_key), key.key) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"permissions": []}, ["permissions"]),
        ({"permissions": [Permission.UNSPECIFIED]}, ["permissions[0]"]),
        ({"permissions": [Permission.ORG_READ, Permission(99)]}, ["permissions[1]"]),
        ({"permissions": [Permission.ORG_READ, Permission.MEMBERS_READ]}, ["permissions[1]"]),
        ({"expires_at": Timestamp(seconds=1)}, ["expires_at"]),
        ({"expires_at": Timestamp(seconds=2**60)}, ["expires_at"]),
        ({"name": " ", "permissions": [Permission.INBOX_ACT]}, ["name", "permissions[0]"]),
    ],
)
def test_every_fault_is_named(tenant: Tenant, given: dict[str, object], at: list[str]) -> None:
    assert faults(CREATE, wanted(**given), tenant.person(*KEEPER)) == at
    assert not ApiKey.objects.exists()


def test_the_id_of_a_key_is_a_uuid(tenant: Tenant) -> None:
    assert faults(REVOKE, pb.RevokeApiKeyRequest(api_key_id="7"), tenant.person(*KEEPER)) == ["api_key_id"]


def test_a_repetition_makes_no_second_key_and_tells_no_secret(tenant: Tenant) -> None:
    person = tenant.person(*KEEPER)
    first, again = (call(CREATE, wanted(), person, idempotency_key="k1") for _ in range(2))
    assert (again.api_key, again.key) == (first.api_key, "")
    assert first.key.encode() not in bytes(IdempotencyRecord.objects.get().body)
    assert ApiKey.objects.count() == 1
    clash = refusal(CREATE, wanted(name="other"), person, idempotency_key="k1")
    assert clash.code.name == "FAILED_PRECONDITION"
    # Another caller's key of that name is another key.
    assert call(CREATE, wanted(), tenant.person(*KEEPER), idempotency_key="k1").key
