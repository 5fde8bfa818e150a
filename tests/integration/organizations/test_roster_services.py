"""TeamService and GroupService, through the whole pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import group_pb, team_pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.gen.pidgr.v1.user_pb import UserStatus
from ops_console.organizations.models import Group, Member, Team
from ops_console.organizations.rights import Right
from tests import callers, factories, pidgr, tenants
from tests.pidgr import Tenant, token_of

pytestmark = pytest.mark.django_db
ABSENT = "01953f0e-7a2c-7cc1-b1a5-8f4a7c2d9e10"


@dataclass(frozen=True)
class Service:
    """One of the two, as a client knows it: "Add_Members" is AddTeamMembers or AddGroupMembers."""

    name: str
    pb: ModuleType
    model: Any

    @property
    def word(self) -> str:
        return self.name.lower()

    def request(self, method: str, *, of: Any = None, **fields: Any) -> Any:
        if of is not None:
            fields[f"{self.word}_id"] = str(getattr(of, "pk", of))
        return getattr(self.pb, f"{self.method(method)}Request")(**fields)

    def method(self, method: str) -> str:
        return method.replace("_", self.name)

    def path(self, method: str) -> str:
        return f"{self.name}Service.{self.method(method)}"

    def call(self, method: str, credential: str, **fields: Any) -> Any:
        return pidgr.call(self.path(method), self.request(method, **fields), credential)

    def one(self, method: str, credential: str, **fields: Any) -> Any:
        return getattr(self.call(method, credential, **fields), self.word)

    def code(self, method: str, credential: str, **fields: Any) -> str:
        return pidgr.code(self.path(method), self.request(method, **fields), credential)

    def faults(self, method: str, credential: str, **fields: Any) -> list[str]:
        return pidgr.faults(self.path(method), self.request(method, **fields), credential)

    def right(self, suffix: str) -> Right:
        return Right(f"{self.word.upper()}S_{suffix}")

    def listed(self, credential: str, **fields: Any) -> list[str]:
        answer = self.call("List_s", credential, **fields)
        return [roster.name for roster in getattr(answer, f"{self.word}s")]


SERVICES = [Service("Team", team_pb, Team), Service("Group", group_pb, Group)]
# Each method with what a request for it holds beside the id.
ON_ONE: dict[str, dict[str, Any]] = {
    "Get_": {},
    "List_Members": {},
    "Update_": {"name": "New name"},
    "Delete_": {},
    "Add_Members": {"user_ids": []},
    "Remove_Members": {"user_ids": []},
}
CHANGES = [method for method in ON_ONE if method not in ("Get_", "List_Members")]


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def other() -> Tenant:
    return Tenant.new("Other")


def made(service: Service, tenant: Tenant, name: str = "Night shift") -> str:
    return str(service.one("Create_", tenant.key(), name=name).id)


def ids(*members: Member) -> list[str]:
    return [str(member.pk) for member in members]


# --- What each does --------------------------------------------------------------------------------------------------


def test_one_lives_from_creation_to_deletion(service: Service, tenant: Tenant) -> None:
    key = tenant.key()
    one = service.one("Create_", key, name=" Night shift ", description="Flies after dark.")
    assert (one.name, one.description, one.member_count, one.is_default, one.created_by) == (
        "Night shift",
        "Flies after dark.",
        0,
        False,
        str(tenant.founder.pk),
    )
    row = service.model.objects.get(pk=one.id)
    assert (one.created_at.to_datetime(), one.updated_at.to_datetime()) == (row.created_at, row.created_at)
    assert service.one("Get_", key, of=one.id) == one
    renamed = service.one("Update_", key, of=one.id, name="Owls")
    assert (renamed.name, renamed.description) == ("Owls", "Flies after dark.")
    assert renamed.updated_at.to_datetime() > one.updated_at.to_datetime()
    # Empty is unchanged.
    assert service.one("Update_", key, of=one.id) == renamed
    told = service.one("Update_", key, of=one.id, description="By day, too.")
    assert (told.name, told.description) == ("Owls", "By day, too.")
    service.call("Delete_", key, of=one.id)
    for method, fields in ON_ONE.items():
        assert service.code(method, key, of=one.id, **fields) == "NOT_FOUND", method


def test_members_come_and_go_and_are_listed(service: Service, tenant: Tenant) -> None:
    key, one = tenant.key(), made(service, tenant)
    nellie, otto, olga = tenants.members(tenant.organization, 3)
    added = service.one("Add_Members", key, of=one, user_ids=ids(nellie, otto, nellie))
    assert added.member_count == 2
    assert service.one("Add_Members", key, of=one, user_ids=ids(otto, olga)).member_count == 3
    answer = service.call("List_Members", key, of=one)
    assert ([user.id for user in answer.users], answer.pagination.total_count) == (ids(nellie, otto, olga), 3)
    user = answer.users[0]
    assert (user.email, user.status, user.role.id) == (
        nellie.person.email,
        UserStatus.ACTIVE,
        str(nellie.role_id),
    )
    assert service.one("Remove_Members", key, of=one, user_ids=ids(otto, otto)).member_count == 2
    assert service.one("Remove_Members", key, of=one, user_ids=ids(otto)).member_count == 2
    assert [user.id for user in service.call("List_Members", key, of=one).users] == ids(nellie, olga)


def test_all_are_listed_or_those_one_is_in(service: Service, tenant: Tenant, other: Tenant) -> None:
    made(service, other, "Foreign")
    one, _ = made(service, tenant), made(service, tenant, "Day shift")
    member = tenants.member(tenant.organization)
    service.call("Add_Members", tenant.key(), of=one, user_ids=ids(member))
    default = service.model.objects.get(organization=tenant.organization, is_default=True).name
    for suffix in ("ALL_READ", "ALL_WRITE"):
        assert service.listed(tenant.person(service.right(suffix))) == [default, "Night shift", "Day shift"]
    mine = ["Everyone", "Night shift"] if service.name == "Group" else ["Night shift"]
    assert service.listed(token_of(member)) == mine
    answer = service.call("List_s", token_of(member))
    assert answer.pagination.total_count == len(mine)
    assert service.one("Get_", token_of(member), of=one).name == "Night shift"
    assert [user.id for user in service.call("List_Members", token_of(member), of=one).users] == ids(member)


def test_the_groups_of_up_to_200_users_are_told(tenant: Tenant, other: Tenant) -> None:
    path, service = "GroupService.GetUserGroupMemberships", SERVICES[1]
    one = made(service, tenant)
    crowd = tenants.members(tenant.organization, 200)
    service.call("Add_Members", tenant.key(), of=one, user_ids=ids(*crowd[:100]))
    request = group_pb.GetUserGroupMembershipsRequest(user_ids=ids(*reversed(crowd)))
    key = tenant.key()
    with CaptureQueriesContext(connection) as queries:
        memberships = pidgr.call(path, request, key).memberships
    # Authentication and three more.
    assert len(queries) == 4
    assert [each.user_id for each in memberships] == ids(*reversed(crowd))
    names = [[group.name for group in each.groups] for each in memberships]
    assert names == [["Everyone"]] * 100 + [["Everyone", "Night shift"]] * 100
    assert pidgr.call(path, group_pb.GetUserGroupMembershipsRequest(), key).memberships == []
    assert pidgr.code(path, request) == "UNAUTHENTICATED"
    for rights in ((), (Right.GROUPS_WRITE,)):
        assert pidgr.code(path, request, tenant.person(*rights)) == "PERMISSION_DENIED"
    wrong = [*ids(crowd[0]), str(other.founder.pk), ABSENT]
    assert pidgr.faults(path, group_pb.GetUserGroupMembershipsRequest(user_ids=wrong), key) == [
        "user_ids[1]",
        "user_ids[2]",
    ]
    many = group_pb.GetUserGroupMembershipsRequest(user_ids=ids(crowd[0]) * 201)
    assert pidgr.faults(path, many, key) == ["user_ids"]
    assert pidgr.faults(path, group_pb.GetUserGroupMembershipsRequest(user_ids=["x"]), key) == ["user_ids[0]"]


# --- Who may not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["Create_", "List_s", *ON_ONE])
def test_without_good_credentials_nothing_is_told(service: Service, tenant: Tenant, method: str) -> None:
    fields = {"of": made(service, tenant)} if method in ON_ONE else {}
    for credential in ("", "pidgr_k_nonsense", "x.y.z"):
        assert service.code(method, credential, **fields) == "UNAUTHENTICATED"
    for credential in (callers.service_key("organizations"), token_of(factories.outsider())):
        assert service.code(method, credential, **fields) == "PERMISSION_DENIED"


@pytest.mark.parametrize("method", ["Create_", *ON_ONE])
def test_without_the_right_it_is_denied(service: Service, tenant: Tenant, method: str) -> None:
    asked = {"name": "X"} if method == "Create_" else {"of": made(service, tenant), **ON_ONE[method]}
    n_audited = AuditEntry.objects.count()
    wrong = ["ALL_READ"] if method in ("Create_", *CHANGES) else ["WRITE"]
    for credential in (tenant.person(), tenant.person(*map(service.right, wrong)), tenant.key(rights=[])):
        assert service.code(method, credential, **asked) == "PERMISSION_DENIED"
    # The other service's rights open nothing here.
    foreign = [right for right in Right if not right.startswith(f"{service.word.upper()}S_")]
    assert service.code(method, tenant.person(*foreign), **asked) == "PERMISSION_DENIED"
    assert AuditEntry.objects.count() == n_audited


@pytest.mark.parametrize("method", CHANGES)
def test_write_reaches_only_what_one_created(service: Service, tenant: Tenant, method: str) -> None:
    member = tenants.member(tenant.organization, service.right("WRITE"))
    theirs, mine = made(service, tenant), service.one("Create_", token_of(member), name="Mine").id
    assert service.code(method, token_of(member), of=theirs, **ON_ONE[method]) == "PERMISSION_DENIED"
    for credential in (tenant.person(service.right("ALL_WRITE")), token_of(member)):
        if method != "Delete_" or service.model.objects.filter(pk=mine).exists():
            service.call(method, credential, of=mine, **ON_ONE[method])


@pytest.mark.parametrize("method", ON_ONE)
def test_another_organizations_is_not_found(service: Service, tenant: Tenant, other: Tenant, method: str) -> None:
    foreign = made(service, other)
    messages = {
        pidgr.refusal(service.path(method), service.request(method, of=one, **ON_ONE[method]), tenant.key()).message
        for one in (foreign, ABSENT)
    }
    assert messages == {f"There is no such {service.word}."}
    assert service.code(method, tenant.key(), of=foreign, **ON_ONE[method]) == "NOT_FOUND"


# --- What is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ON_ONE)
def test_an_id_that_is_none_is_named(service: Service, tenant: Tenant, method: str) -> None:
    for malformed in ("", "x", ABSENT[:-1]):
        assert service.faults(method, tenant.key(), of=malformed, **ON_ONE[method]) == [f"{service.word}_id"]


def test_names_and_descriptions_have_limits(service: Service, tenant: Tenant) -> None:
    key, one = tenant.key(), made(service, tenant)
    for name in ("", " ", "a" * 201, "a\nb"):
        assert service.faults("Create_", key, name=name) == ["name"], name
        if name:
            assert service.faults("Update_", key, of=one, name=name) == ["name"], name
    for method, fields in (("Create_", {"name": "X"}), ("Update_", {"of": one})):
        assert service.faults(method, key, **fields, description="a" * 1001) == ["description"]
        assert service.faults(method, key, **fields, description="a\0") == ["description"]
        assert service.faults(method, key, **{**fields, "name": "a" * 201}, description="a" * 1001) == [
            "name",
            "description",
        ]


@pytest.mark.parametrize("method", ["Add_Members", "Remove_Members"])
def test_users_that_are_none_are_named(service: Service, tenant: Tenant, other: Tenant, method: str) -> None:
    key, one = tenant.key(), made(service, tenant)
    (member,) = ids(tenants.member(tenant.organization))
    wrong = [member, str(other.founder.pk), member, ABSENT]
    assert service.faults(method, key, of=one, user_ids=wrong) == ["user_ids[1]", "user_ids[3]"]
    assert service.faults(method, key, of=one, user_ids=[member, "x"]) == ["user_ids[1]"]
    assert service.faults(method, key, of=one, user_ids=[str(uuid4()) for _ in range(101)]) == ["user_ids"]
    assert service.one("Get_", key, of=one).member_count == 0


def test_a_name_that_is_taken(service: Service, tenant: Tenant, other: Tenant) -> None:
    made(service, tenant)
    day = made(service, tenant, "Day shift")
    assert service.code("Create_", tenant.key(), name="Night shift") == "ALREADY_EXISTS"
    assert service.code("Update_", tenant.key(), of=day, name="Night shift") == "ALREADY_EXISTS"
    made(service, other)


def test_the_default_one_can_not_be_deleted(service: Service, tenant: Tenant) -> None:
    default = service.model.objects.get(organization=tenant.organization, is_default=True)
    assert service.code("Delete_", tenant.key(), of=default) == "FAILED_PRECONDITION"
    assert service.one("Get_", tenant.key(), of=default).is_default


def test_nobody_leaves_the_default_group(tenant: Tenant) -> None:
    default = Group.objects.get(organization=tenant.organization, is_default=True)
    fields = {"of": default, "user_ids": [str(tenant.founder.pk)]}
    assert SERVICES[1].code("Remove_Members", tenant.key(), **fields) == "FAILED_PRECONDITION"


def test_a_repeated_call_with_its_key_is_answered_again(service: Service, tenant: Tenant) -> None:
    key = tenant.key()
    request = service.request("Create_", name="Night shift")
    first, again = (pidgr.call(service.path("Create_"), request, key, idempotency_key="k1") for _ in range(2))
    assert first == again
    assert service.model.objects.filter(organization=tenant.organization, name="Night shift").count() == 1


# --- Cost ------------------------------------------------------------------------------------------------------------


def test_lists_cost_the_same_for_5_rows_and_50(service: Service, tenant: Tenant) -> None:
    key, one = tenant.key(), made(service, tenant)
    crowd = tenants.members(tenant.organization, 50)

    def costs() -> list[int]:
        """Of all rows at once, then of one of them."""
        found = []
        for size in (200, 1):
            for method, fields in (("List_s", {}), ("List_Members", {"of": one})):
                with CaptureQueriesContext(connection) as queries:
                    service.call(method, key, pagination=Pagination(page_size=size), **fields)
                found.append(len(queries))
        return found

    service.call("Add_Members", key, of=one, user_ids=ids(*crowd[:5]))
    few = costs()
    service.call("Add_Members", key, of=one, user_ids=ids(*crowd))
    for number in range(50):
        made(service, tenant, f"Shift {number}")
    # Authentication, then the page with its total unless that is seen, or the roster with its page.
    assert costs() == few == [2, 3, 3, 3]


def test_a_page_is_50_unless_asked_and_200_at_most(service: Service, tenant: Tenant) -> None:
    for number in range(52):
        made(service, tenant, f"Shift {number}")
    key = tenant.key()
    answer = service.call("List_s", key)
    assert (len(getattr(answer, f"{service.word}s")), answer.pagination.total_count) == (50, 53)
    following = Pagination(page_token=answer.pagination.next_page_token)
    assert service.listed(key, pagination=following) == ["Shift 49", "Shift 50", "Shift 51"]
    assert len(service.listed(key, pagination=Pagination(page_size=200))) == 53
    assert service.faults("List_s", key, pagination=Pagination(page_size=201)) == ["pagination.page_size"]
    assert service.faults("List_s", key, pagination=Pagination(page_size=-1)) == ["pagination.page_size"]
