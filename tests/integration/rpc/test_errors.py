"""Every kind of error, told alike over every protocol."""

from __future__ import annotations

import pytest

from ops_console.gen.pidgr.v1.group_pb import AddGroupMembersRequest, CreateGroupRequest
from tests.integration.rpc.sample import RAISED, SECRET
from tests.rpc_clients import Client, NativeCaller

CODES = {
    "invalid": "invalid_argument",
    "unauthenticated": "unauthenticated",
    "forbidden": "permission_denied",
    "not found": "not_found",
    "conflict": "aborted",
    "taken": "already_exists",
    "wrong state": "failed_precondition",
    "changed": "failed_precondition",
    "poor": "failed_precondition",
    "too fast": "resource_exhausted",
    "upstream": "unavailable",
    "failure": "internal",
    "unwritable": "internal",
}


def test_every_sample_of_an_error_has_its_code() -> None:
    assert CODES.keys() == {*RAISED, "unwritable"}


def test_an_error_has_its_code(any_client: Client, key: str) -> None:
    told = {name: any_client.call("GroupService/CreateGroup", CreateGroupRequest(name=name), key=key) for name in CODES}
    assert {name: outcome.code for name, outcome in told.items()} == CODES
    assert all(outcome.message for outcome in told.values())
    waits = {name: outcome.headers["retry-after"] for name, outcome in told.items() if "retry-after" in outcome.headers}
    assert waits == {"too fast": "7"}


@pytest.mark.parametrize("name", ["failure", "unwritable"])
def test_a_failure_tells_the_request_id_and_nothing_else(any_client: Client, key: str, name: str) -> None:
    headers = {"x-request-id": "a-callers-own-id"}
    outcome = any_client.call("GroupService/CreateGroup", CreateGroupRequest(name=name), key=key, headers=headers)
    assert outcome.code == "internal"
    assert outcome.headers["x-request-id"] == "a-callers-own-id"
    assert "a-callers-own-id" in outcome.message
    assert SECRET not in outcome.message
    assert "Traceback" not in outcome.message
    assert "bytes" not in outcome.message


def test_faults_that_a_service_finds_name_their_fields(any_client: Client, key: str) -> None:
    outcome = any_client.call("GroupService/CreateGroup", CreateGroupRequest(name="invalid"), key=key)
    assert outcome.violations == (("user_ids[3]", "invalid"), ("name", "plain"))
    assert "user_ids[3]: This is nobody." in outcome.message


def test_every_violated_rule_is_told_with_its_field(any_client: Client, key: str) -> None:
    request = AddGroupMembersRequest(group_id="x", user_ids=["y", "01890a5d-ac96-774b-bcce-b302099a8057", "z"])
    outcome = any_client.call("GroupService/AddGroupMembers", request, key=key)
    assert outcome.code == "invalid_argument"
    told = [("group_id", "string.uuid"), ("user_ids[0]", "string.uuid"), ("user_ids[2]", "string.uuid")]
    assert outcome.violations == tuple(told)


def test_a_thousand_violations_arrive_as_many_as_the_protocol_carries(any_client: Client, key: str) -> None:
    outcome = any_client.call(
        "GroupService/AddGroupMembers", AddGroupMembersRequest(user_ids=["no id"] * 1000), key=key
    )
    assert outcome.code == "invalid_argument"
    assert len(outcome.violations) in (range(40, 100) if isinstance(any_client, NativeCaller) else [1000])
    assert outcome.violations[2:4] == (("user_ids[0]", "string.uuid"), ("user_ids[1]", "string.uuid"))
    assert "and 997 more" in outcome.message


def test_a_nul_character_is_refused(any_client: Client, key: str) -> None:
    outcome = any_client.call("GroupService/CreateGroup", CreateGroupRequest(name="a\0b"), key=key)
    assert (outcome.code, outcome.violations) == ("invalid_argument", (("name", "string.nul"),))
