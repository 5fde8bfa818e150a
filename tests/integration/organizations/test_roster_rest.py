"""/api/v1/teams and groups, for members, keys and staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ops_console.access.policy import POLICY
from ops_console.audit.models import AuditEntry
from ops_console.formats import json_time
from ops_console.organizations.models import Group, Member, Organization, Team
from ops_console.organizations.rights import Right
from tests import bearers, factories, ops, tenants
from tests.bearers import BearerClient

pytestmark = pytest.mark.django_db
ABSENT = "01953f0e-7a2c-7cc1-b1a5-8f4a7c2d9e10"


@dataclass(frozen=True)
class House:
    """An organization and one of its two collections."""

    resource: str
    model: Any
    organization: Organization

    def right(self, suffix: str) -> Right:
        return Right(f"{self.resource.upper()}_{suffix}")

    def client(self, *suffixes: str) -> Any:
        """Somebody new with just these rights."""
        member = tenants.member(self.organization, *map(self.right, suffixes))
        return BearerClient(bearers.token_of(member))

    @property
    def master(self) -> Any:
        """A key that may do everything here."""
        return bearers.client(self.organization, *map(self.right, ("WRITE", "ALL_WRITE", "ALL_READ")))

    def staff(self) -> ops.StaffClient:
        return ops.client(*(pair for pair in POLICY if pair[0] == self.resource))

    def made(self, name: str = "Night shift", **given: Any) -> dict[str, Any]:
        answer = self.master.send(self.resource, {"name": name, **given})
        assert answer.status_code == 201, answer.content
        made: dict[str, Any] = answer.json()
        return made

    def members(self, n: int) -> list[Member]:
        return tenants.members(self.organization, n)

    def path(self, one: Any, below: str = "") -> str:
        return f"{self.resource}/{one['id'] if isinstance(one, dict) else one}{below}"


@pytest.fixture(params=[("teams", Team), ("groups", Group)], ids=lambda pair: pair[0])
def house(request: pytest.FixtureRequest) -> House:
    resource, model = request.param
    return House(resource, model, factories.organization())


def ids(*members: Member) -> list[str]:
    return [str(member.pk) for member in members]


def names(client: Any, house: House, **query: str) -> list[str]:
    return [row["name"] for row in client.rows(house.resource, **query)]


def faults(answer: Any) -> set[str]:
    assert answer.status_code == 400, answer.content
    return {fault.get("pointer") or fault["parameter"] for fault in answer.json()["errors"]}


def get(client: Client, path: str, **query: Any) -> Any:
    return client.get(f"/api/v1/{path}", query)


def test_one_lives_from_creation_to_deletion(house: House) -> None:
    client = house.master
    answer = client.send(house.resource, {"name": " Night shift ", "description": "After dark."})
    one = answer.json()
    row = house.model.objects.get(pk=one["id"])
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/{house.path(one)}")
    assert one == {
        "id": str(row.pk),
        "organization": str(house.organization.pk),
        "name": "Night shift",
        "description": "After dark.",
        "memberCount": 0,
        "isDefault": False,
        "createdBy": str(row.created_by_id),
        "createdAt": json_time(row.created_at),
        "updatedAt": json_time(row.created_at),
    }
    assert client.get(answer["Location"]).json() == one
    changed = client.send(house.path(one), {"description": ""}, method="PATCH").json()
    assert (changed["name"], changed["description"]) == ("Night shift", "")
    reasoned = {"name": "Owls", "reason": "They fly by night."}
    assert client.send(house.path(one), reasoned, method="PATCH").json()["name"] == "Owls"
    assert AuditEntry.objects.latest("id").reason == "They fly by night."
    assert client.send(house.path(one), method="DELETE").status_code == 204
    assert client.send(house.path(one), method="DELETE").status_code == 404


def test_members_are_added_listed_page_by_page_and_removed(house: House) -> None:
    client, one, crowd = house.master, house.made(), house.members(5)
    added = client.send(house.path(one, "/members"), {"userIds": [*ids(*crowd), ids(crowd[0])[0]]})
    assert (added.status_code, added.json()["memberCount"]) == (200, 5)
    first = get(client, house.path(one, "/members"), limit="3").json()
    member = crowd[0]
    assert first["results"][0] == {
        "id": str(member.pk),
        "email": member.person.email,
        "name": member.name,
        "status": "active",
        "addedAt": first["results"][0]["addedAt"],
    }
    rest = get(client, house.path(one, "/members"), limit="3", cursor=first["nextCursor"]).json()
    assert [row["id"] for row in first["results"] + rest["results"]] == ids(*crowd)
    assert rest["nextCursor"] is None
    # A cursor is good for its own list.
    other = house.made("Day shift")
    assert faults(get(client, house.path(other, "/members"), cursor=first["nextCursor"])) == {"cursor"}
    removed = client.send(house.path(one, "/members/remove"), {"userIds": ids(crowd[1], crowd[1])})
    assert removed.json()["memberCount"] == 4


def test_lists_are_narrowed_down(house: House) -> None:
    (member,) = house.members(1)
    default = house.model.objects.get(organization=house.organization, is_default=True)
    one, _ = house.made(), house.made("Day shift")
    client = house.master
    client.send(house.path(one, "/members"), {"userIds": ids(member)})
    mine = [default.name, "Night shift"] if house.resource == "groups" else ["Night shift"]
    assert names(client, house) == [default.name, "Night shift", "Day shift"]
    assert names(client, house, ordering="-createdAt") == ["Day shift", "Night shift", default.name]
    assert names(client, house, user=str(member.pk)) == mine
    assert names(client, house, isDefault="true") == [default.name]
    assert names(client, house, name="Day shift") == names(client, house, search="DAY") == ["Day shift"]
    assert names(client, house, organization=str(house.organization.pk)) == names(client, house)
    assert names(client, house, organization=ABSENT) == []
    assert faults(get(client, house.resource, user="x")) == {"user"}
    # Without the right: those he is in.
    assert names(BearerClient(bearers.token_of(member)), house) == mine


def test_another_organizations_is_not_there(house: House) -> None:
    other = House(house.resource, house.model, factories.organization())
    foreign, (stranger,) = other.made("Foreign"), other.members(1)
    client = house.master
    assert "Foreign" not in names(client, house)
    assert names(client, house, organization=str(other.organization.pk)) == []
    for one in (foreign, ABSENT, "x"):
        answers = [
            get(client, house.path(one)),
            get(client, house.path(one, "/members")),
            client.send(house.path(one), {"name": "X"}, method="PATCH"),
            client.send(house.path(one), method="DELETE"),
            client.send(house.path(one, "/members"), {"userIds": []}),
            client.send(house.path(one, "/members/remove"), {"userIds": []}),
        ]
        assert [answer.status_code for answer in answers] == [404] * 6
    wanted = {"userIds": [*ids(stranger), ABSENT]}
    for below in ("/members", "/members/remove"):
        assert faults(client.send(house.path(house.made(below), below), wanted)) == {"/userIds/0", "/userIds/1"}
    assert faults(client.send(house.resource, {"name": "X", "organization": str(other.organization.pk)})) == {
        "/organization"
    }


def test_what_one_may_not_is_forbidden(house: House) -> None:
    one = house.made()
    body: dict[str, list[str]] = {"userIds": []}
    for client in (house.client(), house.client("ALL_READ"), house.client("WRITE")):
        before = AuditEntry.objects.count()
        answers = [
            client.send(house.path(one), {"name": "X"}, method="PATCH"),
            client.send(house.path(one), method="DELETE"),
            client.send(house.path(one, "/members"), body),
            client.send(house.path(one, "/members/remove"), body),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4
        assert AuditEntry.objects.count() == before
    for path in (house.path(one), house.path(one, "/members")):
        answers = [get(client, path) for client in (house.client(), house.client("WRITE"), house.client("ALL_READ"))]
        assert [answer.status_code for answer in answers] == [403, 403, 200]
        assert get(Client(), path).status_code == 401
    assert house.client("ALL_READ").send(house.resource, {"name": "X"}).status_code == 403


def test_what_is_wrong_is_named(house: House) -> None:
    client, one = house.master, house.made()
    assert faults(client.send(house.resource, {})) == {"/name"}
    assert faults(client.send(house.resource, {"name": "a" * 201, "description": 7})) == {"/name", "/description"}
    assert faults(client.send(house.resource, {"name": "a\u0007", "description": "a\u0007"})) == {
        "/name",
        "/description",
    }
    assert faults(client.send(house.path(one), {"name": ""}, method="PATCH")) == {"/name"}
    assert faults(client.send(house.path(one), {"nonsense": 1}, method="PATCH")) == {"/nonsense"}
    many = {"userIds": [str(uuid4()) for _ in range(101)]}
    for below in ("/members", "/members/remove"):
        assert faults(client.send(house.path(one, below), many)) == {"/userIds"}
        assert faults(client.send(house.path(one, below), {"userIds": ["x"]})) == {"/userIds/0"}
        assert faults(client.send(house.path(one, below), {})) == {"/userIds"}


def test_a_name_that_is_taken_and_what_the_default_one_refuses(house: House) -> None:
    client, other = house.master, house.made("Day shift")
    house.made()
    taken = client.send(house.resource, {"name": "Night shift"})
    assert (taken.status_code, taken.json()["code"]) == (409, "already_exists")
    assert client.send(house.path(other), {"name": "Night shift"}, method="PATCH").status_code == 409
    default = house.model.objects.get(organization=house.organization, is_default=True)
    assert client.send(house.path(default.pk), method="DELETE").status_code == 409
    leaving = client.send(house.path(default.pk, "/members/remove"), {"userIds": ids(*house.members(1))})
    assert leaving.status_code == (409 if house.resource == "groups" else 200)


def test_a_repetition_with_its_key_changes_nothing(house: House) -> None:
    client = house.master
    first, again = (client.send(house.resource, {"name": "Night shift"}, key="k1") for _ in range(2))
    assert (first.json(), again["Idempotency-Replayed"]) == (again.json(), "true")


def test_staff_reach_every_organization_and_name_one(house: House) -> None:
    staff, other = house.staff(), House(house.resource, house.model, factories.organization())
    assert faults(staff.send(house.resource, {"name": "X"})) == {"/organization"}
    assert faults(staff.send(house.resource, {"name": "X", "organization": ABSENT})) == {"/organization"}
    made = staff.send(house.resource, {"name": "X", "organization": str(other.organization.pk)}).json()
    assert (made["organization"], made["createdBy"]) == (str(other.organization.pk), None)
    assert names(staff, house, organization=str(other.organization.pk))[1:] == ["X"]
    assert len(names(staff, house)) == 3
    body = {"userIds": ids(*other.members(2))}
    assert staff.send(house.path(made, "/members"), body).json()["memberCount"] == 2
    assert faults(staff.send(house.path(house.made(), "/members"), body)) == {"/userIds/0", "/userIds/1"}
    assert staff.send(house.path(made), method="DELETE").status_code == 204
    assert AuditEntry.objects.latest("id").actor == staff.person.email


def test_lists_cost_the_same_for_3_rows_and_30(house: House) -> None:
    client, one = house.master, house.made()

    def costs() -> list[int]:
        found = []
        for path in (house.resource, house.path(one, "/members")):
            with CaptureQueriesContext(connection) as queries:
                client.rows(path, limit="200")
            found.append(len(queries))
        return found

    client.send(house.path(one, "/members"), {"userIds": ids(*house.members(3))})
    few = costs()
    client.send(house.path(one, "/members"), {"userIds": ids(*house.members(27))})
    for number in range(27):
        house.made(f"Shift {number}")
    assert costs() == few
    assert max(few) <= 5, few
