"""/api/v1/api-keys and service-keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from ops_console.formats import json_time
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import bearers, factories, ops, tenants
from tests.bearers import BearerClient

pytestmark = pytest.mark.django_db
REASON = {"reason": "Found in a mail."}
KEEPER = (Right.ORG_READ, Right.ORG_WRITE)


@pytest.fixture
def mine() -> Organization:
    return factories.organization("Mine")


@pytest.fixture
def keeper(mine: Organization) -> BearerClient:
    return BearerClient(bearers.token_of(tenants.member(mine, *KEEPER)))


def test_a_key_is_made_shown_once_used_and_revoked(keeper: BearerClient, mine: Organization) -> None:
    expires_at = json_time(timezone.now() + timedelta(days=1))
    body = {"name": "till", "permissions": ["ORG_WRITE", "ORG_READ"], "expiresAt": expires_at}
    answer = keeper.send("api-keys", body, key="k")
    made = answer.json()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/api-keys/{made['id']}")
    assert (made["organization"], made["permissions"]) == (str(mine.pk), ["ORG_READ", "ORG_WRITE"])
    assert (made["expiresAt"], made["lastUsedAt"], made["revokedAt"]) == (expires_at, None, None)
    assert made["key"].startswith(made["keyPrefix"])
    assert keeper.send("api-keys", body, key="k").json() == {**made, "key": None}
    program = BearerClient(made["key"])
    (listed,) = program.rows("api-keys")
    assert listed["lastUsedAt"] is not None
    assert program.get(answer["Location"]).json() == listed
    assert {**listed, "lastUsedAt": None} == {name: value for name, value in made.items() if name != "key"}
    revoked = keeper.send(f"api-keys/{made['id']}/revoke", REASON)
    assert (revoked.status_code, revoked.json()["revokedAt"] is None) == (200, False)
    assert program.get("/api/v1/api-keys").status_code == 401
    assert keeper.send(f"api-keys/{made['id']}/revoke", REASON).status_code == 409


def test_keys_are_narrowed_down(keeper: BearerClient, mine: Organization) -> None:
    first, second = (keeper.send("api-keys", {"name": name, "permissions": ["ORG_READ"]}).json() for name in "ab")
    keeper.send(f"api-keys/{first['id']}/revoke", REASON)

    def names(**query: str) -> list[str]:
        return [row["name"] for row in keeper.rows("api-keys", **query)]

    assert names() == ["b", "a"]
    assert names(ordering="createdAt") == ["a", "b"]
    assert names(revoked="true") == ["a"]
    assert names(search=second["keyPrefix"]) == ["b"]
    assert names(creator=first["creator"]) == ["b", "a"]
    assert names(expiresBefore=json_time(timezone.now())) == []
    staff = ops.client(("api-keys", "list"))
    bearers.client(factories.organization(), Right.ORG_READ)
    assert len(staff.rows("api-keys")) == 3
    assert len(staff.rows("api-keys", organization=str(mine.pk))) == 2


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"name": " "}, ["/name"]),
        ({"name": "x" * 201}, ["/name"]),
        ({"permissions": []}, ["/permissions"]),
        ({"permissions": ["ORG_READ", "ORG_FLY"]}, ["/permissions/1"]),
        ({"permissions": ["ORG_READ", "MEMBERS_READ"]}, ["/permissions/1"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ["/expiresAt"]),
        ({"expiresAt": "tomorrow"}, ["/expiresAt"]),
        ({"key": "pidgr_k_mine"}, ["/key"]),
    ],
)
def test_every_fault_is_pointed_at(keeper: BearerClient, given: dict[str, object], pointers: list[str]) -> None:
    answer = keeper.send("api-keys", {"name": "till", "permissions": ["ORG_READ"], **given})
    assert (answer.status_code, [fault["pointer"] for fault in answer.json()["errors"]]) == (400, pointers)
    assert keeper.rows("api-keys") == []


def test_staff_make_no_organizations_key(mine: Organization) -> None:
    root = ops.StaffClient(factories.superuser())
    assert root.send("api-keys", {"name": "till", "permissions": ["ORG_READ"]}).status_code == 403
    key = bearers.api_key(tenants.member(mine, *KEEPER), Right.ORG_READ)
    assert root.send(f"api-keys/{key.api_key.pk}/revoke", REASON).status_code == 200


def test_a_service_key_is_made_shown_once_and_revoked() -> None:
    root = ops.StaffClient(factories.superuser())
    answer = root.send("service-keys", {"name": "biller", "scope": "organizations"}, key="k")
    made = answer.json()
    assert (answer.status_code, made["scope"], made["createdBy"]) == (201, "organizations", root.person.email)
    assert made["key"].startswith("pidgr_s_")
    again = root.send("service-keys", {"name": "biller", "scope": "organizations"}, key="k").json()
    assert again == {**made, "key": None}
    assert BearerClient(made["key"]).get("/api/v1/organizations").status_code == 403
    (listed,) = root.rows("service-keys", scope="organizations", search=made["keyPrefix"])
    assert listed["lastUsedAt"] is not None
    assert root.rows("service-keys", scope="render") == []
    assert root.send(f"service-keys/{made['id']}/revoke", REASON).json()["revokedAt"] is not None
    assert BearerClient(made["key"]).get("/api/v1/organizations").status_code == 401
    assert root.send(f"service-keys/{made['id']}/revoke", REASON).status_code == 409
    wrong = root.send("service-keys", {"name": "", "scope": "everything"}).json()
    assert [fault["pointer"] for fault in wrong["errors"]] == ["/name", "/scope"]
