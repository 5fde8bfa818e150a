"""Idempotency-Key on a call that changes something."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from ops_console.access.models import IdempotencyRecord
from ops_console.gen.pidgr.v1.api_key_pb import CreateApiKeyRequest
from ops_console.gen.pidgr.v1.common_pb import Permission
from ops_console.gen.pidgr.v1.group_pb import CreateGroupRequest, ListGroupsRequest, UpdateGroupRequest
from ops_console.organizations.models import Group
from tests import callers, factories
from tests.integration.rpc.sample import SECRET
from tests.rpc_clients import Client

ONCE = {"idempotency-key": "a-key-of-the-callers"}
CREATE = "GroupService/CreateGroup"


def test_the_same_call_is_carried_out_once(client: Client, key: str) -> None:
    first = client.call(CREATE, CreateGroupRequest(name="Pilots"), key=key, headers=ONCE)
    again = client.call(CREATE, CreateGroupRequest(name="Pilots"), key=key, headers=ONCE)
    assert again.response == first.response
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert Group.objects.filter(name="Pilots").count() == 1


def test_another_call_with_the_same_key_is_refused(client: Client, key: str) -> None:
    assert client.call(CREATE, CreateGroupRequest(name="Pilots"), key=key, headers=ONCE).code == "ok"
    outcome = client.call(CREATE, CreateGroupRequest(name="Stewards"), key=key, headers=ONCE)
    assert outcome.code == "failed_precondition"
    assert "Idempotency-Key" in outcome.message


def test_a_key_is_the_callers_and_the_methods_own(client: Client, committed_db: None) -> None:
    organization = factories.organization()
    keys = [callers.organization_key(organization), callers.organization_key(organization)]
    for number, key in enumerate(keys):
        assert client.call(CREATE, CreateGroupRequest(name=f"Pilots {number}"), key=key, headers=ONCE).code == "ok"
    request = CreateApiKeyRequest(name="Pilots", permissions=[Permission.ORG_READ])
    assert client.call("ApiKeyService/CreateApiKey", request, key=keys[0], headers=ONCE).code == "ok"


def test_errors_are_not_kept(client: Client, key: str) -> None:
    for _ in range(2):
        outcome = client.call(CREATE, CreateGroupRequest(name="too fast"), key=key, headers=ONCE)
        assert outcome.code == "resource_exhausted"
    assert client.call(CREATE, CreateGroupRequest(name="Pilots"), key=key, headers=ONCE).code == "ok"


def test_a_secret_is_shown_once_and_not_kept(client: Client, key: str) -> None:
    request = CreateApiKeyRequest(name="Robot", permissions=[Permission.ORG_READ])
    first = client.call("ApiKeyService/CreateApiKey", request, key=key, headers=ONCE)
    assert first.response.key == SECRET
    again = client.call("ApiKeyService/CreateApiKey", request, key=key, headers=ONCE)
    assert (again.response.key, again.response.api_key.name) == ("", "Robot")
    assert all(SECRET.encode() not in bytes(record.body) for record in IdempotencyRecord.objects.all())


def test_while_it_is_carried_out_another_with_its_key_is_refused(client: Client, key: str) -> None:
    def call(_: int) -> str:
        request = CreateGroupRequest(name="Pilots", description="sleep 1")
        return client.call(CREATE, request, key=key, headers=ONCE).code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(call, range(2))) == ["aborted", "ok"]
    assert Group.objects.filter(name="Pilots").count() == 1


def test_what_a_handler_prepares_comes_before_the_transaction_and_not_again(client: Client, key: str) -> None:
    request = UpdateGroupRequest(group_id=str(uuid4()), name="Stewards")
    plain = client.call("GroupService/UpdateGroup", request, key=key)
    assert plain.response.group.name == "False, False"
    Group.objects.all().delete()
    told = [client.call("GroupService/UpdateGroup", request, key=key, headers=ONCE) for _ in range(2)]
    assert [outcome.response.group.name for outcome in told] == ["False, True"] * 2
    assert told[1].headers["idempotency-replayed"] == "true"
    assert Group.objects.filter(name="Stewards").count() == 1


def test_a_key_that_is_none(client: Client, key: str) -> None:
    headers = {"idempotency-key": "x" * 256}
    outcome = client.call(CREATE, CreateGroupRequest(name="Pilots"), key=key, headers=headers)
    assert (outcome.code, outcome.violations) == ("invalid_argument", (("idempotency-key", "idempotency_key"),))


def test_reads_take_no_key(client: Client, key: str) -> None:
    for _ in range(2):
        outcome = client.call("GroupService/ListGroups", ListGroupsRequest(), key=key, headers=ONCE)
        assert "idempotency-replayed" not in outcome.headers
    assert not IdempotencyRecord.objects.exists()
