"""Teams and groups: what one may do with them, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.access.actors import Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import AlreadyExists, Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.models import Member, MemberStatus, Organization
from ops_console.organizations.rights import Right
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind
from tests import factories, tenants
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@dataclass(frozen=True)
class House:
    """An organization, and one kind of its rosters."""

    kind: Kind[Any]
    organization: Organization

    def right(self, suffix: str) -> Right:
        return Right(f"{self.kind.resource.upper()}_{suffix}")

    def caller(self, *suffixes: str) -> Actor:
        return tenants.caller(self.organization, *map(self.right, suffixes))

    def create(self, name: str = "Night shift", *, by: Actor = COMMAND, description: str = "") -> Any:
        organization_id = None if by.member else self.organization.pk
        return rosters.create_roster(
            kind=self.kind, name=name, description=description, organization_id=organization_id, actor=by, now=NOW
        )

    def listed(self, by: Actor) -> list[str]:
        return [roster.name for roster in rosters.list_rosters(kind=self.kind, actor=by).order_by("pk")]

    def get(self, roster_id: UUID, by: Actor) -> Any:
        return rosters.get_roster(kind=self.kind, roster_id=roster_id, actor=by)

    def update(self, roster_id: UUID, by: Actor = COMMAND, name: str | None = None, text: str | None = None) -> Any:
        return rosters.update_roster(
            kind=self.kind, roster_id=roster_id, name=name, description=text, actor=by, now=LATER
        )

    def delete(self, roster_id: UUID, by: Actor = COMMAND) -> None:
        rosters.delete_roster(kind=self.kind, roster_id=roster_id, actor=by, now=LATER)

    def add(self, roster_id: UUID, *who: Member | UUID, by: Actor = COMMAND) -> Any:
        return rosters.add_members(kind=self.kind, roster_id=roster_id, user_ids=ids(who), actor=by, now=LATER)

    def remove(self, roster_id: UUID, *who: Member | UUID, by: Actor = COMMAND) -> Any:
        return rosters.remove_members(kind=self.kind, roster_id=roster_id, user_ids=ids(who), actor=by, now=LATER)

    def members(self, roster_id: UUID, by: Actor = COMMAND) -> list[UUID]:
        roster, entries = rosters.list_members(kind=self.kind, roster_id=roster_id, actor=by)
        found = [entry.member_id for entry in entries]
        assert roster.member_count == len(found)
        return found

    def changes_of(self, roster_id: UUID, who: Member, *, by: Actor) -> list[Callable[[], object]]:
        return [
            lambda: self.update(roster_id, by, name="X"),
            lambda: self.delete(roster_id, by),
            lambda: self.add(roster_id, who, by=by),
            lambda: self.remove(roster_id, who, by=by),
        ]

    def everything_with(self, roster_id: UUID, who: Member, *, by: Actor) -> list[Callable[[], object]]:
        reads = [lambda: self.get(roster_id, by), lambda: self.members(roster_id, by)]
        return [*reads, *self.changes_of(roster_id, who, by=by)]

    @property
    def default(self) -> Any:
        return self.kind.model.objects.get(organization=self.organization, is_default=True)


def ids(who: tuple[Member | UUID, ...]) -> list[UUID]:
    return [one.pk if isinstance(one, Member) else one for one in who]


@pytest.fixture(params=[TEAMS, GROUPS], ids=lambda kind: kind.resource)
def house(request: pytest.FixtureRequest) -> House:
    return House(request.param, factories.organization())


def n_audited() -> int:
    return AuditEntry.objects.count()


# --- Create, read, list ----------------------------------------------------------------------------------------------


def test_one_is_created_and_read(house: House) -> None:
    who = house.caller("WRITE", "ALL_READ")
    made = house.create("  Night shift ", by=who, description="Flies\nafter dark.")
    assert (made.name, made.description, made.member_count, made.is_default) == (
        "Night shift",
        "Flies\nafter dark.",
        0,
        False,
    )
    assert (made.organization_id, made.created_by, made.created_at, made.updated_at) == (
        house.organization.pk,
        who.member,
        NOW,
        NOW,
    )
    assert house.get(made.pk, who) == made
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.target_type, entry.target_id, entry.actor, entry.chain_id) == (
        f"{house.kind.word}.create",
        house.kind.word,
        str(made.pk),
        who.label,
        str(house.organization.pk),
    )
    assert entry.after == {"name": "Night shift", "description": "Flies\nafter dark."}


@pytest.mark.parametrize("name", ["", "  ", "a" * 201, "tab\there", "nul\0", "\ud800"])
@pytest.mark.parametrize("description", ["a" * 1001, "nul\0", "\ud800"])
def test_malformed_values_are_all_named_and_nothing_is_made(house: House, name: str, description: str) -> None:
    who, before = house.caller("WRITE"), n_audited()
    with pytest.raises(InvalidInput) as refusal:
        house.create(name, description=description, by=who)
    assert [fault.path for fault in refusal.value.errors] == [("name",), ("description",)]
    made = house.create(by=who)
    with pytest.raises(InvalidInput) as refusal:
        house.update(made.pk, who, name=name, text=description)
    assert [fault.path for fault in refusal.value.errors] == [("name",), ("description",)]
    assert n_audited() == before + 1


def test_the_longest_name_and_description(house: House) -> None:
    made = house.create("ü" * 200, description="ü" * 1000)
    made.refresh_from_db()
    assert (made.name, made.description) == ("ü" * 200, "ü" * 1000)


def test_names_are_unique_in_an_organization_only(house: House) -> None:
    house.create()
    with pytest.raises(AlreadyExists):
        house.create(" Night shift")
    other = House(house.kind, factories.organization())
    other.create()
    other.create("night shift")
    day = house.create("Day shift")
    with pytest.raises(AlreadyExists):
        house.update(day.pk, name="Night shift")
    day.refresh_from_db()
    assert day.name == "Day shift"
    assert house.update(day.pk, name="Day shift").updated_at == NOW


@pytest.mark.parametrize("suffixes", [(), ("ALL_READ",)])
def test_who_may_not_create(house: House, suffixes: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden):
        house.create(by=house.caller(*suffixes))
    with pytest.raises(Forbidden):
        house.create(by=Actor.staff(factories.member_of_staff("Auditor")))
    for nobody in (Actor.anyone(None), Actor.service(prefix="s", key_id=uuid4(), scope="organizations", address=None)):
        with pytest.raises(Forbidden):
            house.create(by=nobody)
    assert house.kind.model.objects.count() == 1


def test_staff_name_an_organization_and_members_need_not(house: House) -> None:
    def create(by: Actor, organization_id: UUID | None) -> Any:
        return rosters.create_roster(
            kind=house.kind, name="X", description="", organization_id=organization_id, actor=by, now=NOW
        )

    for by, organization_id in [
        (COMMAND, None),
        (COMMAND, uuid4()),
        (house.caller("WRITE"), factories.organization().pk),
    ]:
        with pytest.raises(InvalidInput) as refusal:
            create(by, organization_id)
        assert refusal.value.errors[0].path == ("organization",)
    made = create(house.caller("WRITE"), house.organization.pk)
    assert (made.organization, create(COMMAND, factories.organization().pk).created_by) == (house.organization, None)


def test_without_the_right_one_lists_and_reads_what_one_is_in(house: House) -> None:
    mine, other = house.create("Mine"), house.create("Other")
    me = tenants.member(house.organization)
    who = tenants.signed_in(me)
    house.add(mine.pk, me)
    assert house.listed(who) == ([house.default.name] if house.kind is GROUPS else []) + ["Mine"]
    assert house.get(mine.pk, who) == mine
    assert house.members(mine.pk, who) == [me.pk]
    for read in (house.get, house.members):
        with pytest.raises(Forbidden):
            read(other.pk, who)
    # To have created one is not to be in it.
    creator = house.caller("WRITE")
    made = house.create("Made", by=creator)
    assert "Made" not in house.listed(creator)
    with pytest.raises(Forbidden):
        house.get(made.pk, creator)


@pytest.mark.parametrize("suffix", ["ALL_READ", "ALL_WRITE"])
def test_with_the_right_one_reads_all_of_the_organization(house: House, suffix: str) -> None:
    made, who = house.create(), house.caller(suffix)
    assert house.listed(who) == [house.default.name, made.name]
    assert house.get(made.pk, who) == made
    assert house.members(made.pk, who) == []


def test_another_organizations_is_as_one_that_is_not_there(house: House) -> None:
    foreign = House(house.kind, factories.organization()).create("Foreign")
    who, friend = house.caller("ALL_READ", "ALL_WRITE", "WRITE"), tenants.member(house.organization)
    texts = set()
    for roster_id in (foreign.pk, uuid4()):
        for call in house.everything_with(roster_id, friend, by=who):
            with pytest.raises(NotFound) as refusal:
                call()
            texts.add(str(refusal.value))
    assert len(texts) == 1
    assert "Foreign" not in house.listed(who)
    assert house.kind.model.objects.filter(pk=foreign.pk).exists()


def test_staff_see_every_organizations(house: House) -> None:
    foreign = House(house.kind, factories.organization()).create("Foreign")
    auditor = Actor.staff(factories.member_of_staff("Auditor"))
    assert house.listed(auditor) == [house.default.name, house.default.name, "Foreign"]
    assert house.get(foreign.pk, auditor) == foreign


# --- Change and delete -----------------------------------------------------------------------------------------------


def test_what_is_given_is_changed_and_the_rest_kept(house: House) -> None:
    made = house.create(description="Old.")
    changed = house.update(made.pk, name=" Owls ")
    assert (changed.name, changed.description, changed.updated_at) == ("Owls", "Old.", LATER)
    assert house.update(made.pk, text="").description == ""
    made.refresh_from_db()
    assert (made.name, made.description, made.created_at) == ("Owls", "", NOW)
    entry = AuditEntry.objects.filter(action=f"{house.kind.word}.update").earliest("id")
    assert (entry.before, entry.after) == ({"name": "Night shift"}, {"name": "Owls"})


def test_an_update_that_changes_nothing_leaves_no_trace(house: House) -> None:
    made = house.create()
    before = n_audited()
    assert house.update(made.pk, name="Night shift", text="").updated_at == NOW
    assert house.update(made.pk).updated_at == NOW
    assert n_audited() == before


def test_write_reaches_what_one_created_and_write_all_reaches_any(house: House) -> None:
    creator, other, master = house.caller("WRITE"), house.caller("WRITE", "ALL_READ"), house.caller("ALL_WRITE")
    reader, friend = house.caller("ALL_READ"), tenants.member(house.organization)
    made = house.create(by=creator)
    for stranger in (other, reader, house.caller()):
        before = n_audited()
        for call in house.changes_of(made.pk, friend, by=stranger):
            with pytest.raises(Forbidden):
                call()
        assert n_audited() == before
    for able in (creator, master):
        assert house.update(made.pk, able, name=able.label).name == able.label
        assert house.add(made.pk, friend, by=able).member_count == 1
        assert house.remove(made.pk, friend, by=able).member_count == 0
    house.delete(made.pk, creator)
    house.delete(house.create(by=creator).pk, master)


def test_a_key_acts_as_its_creator_within_its_own_rights(house: House) -> None:
    creator = tenants.member(house.organization, house.right("WRITE"), house.right("ALL_READ"))
    made = house.create(by=tenants.key_of(creator, house.right("WRITE")))
    assert made.created_by == creator
    assert house.update(made.pk, tenants.signed_in(creator), name="Owls").name == "Owls"
    reading = tenants.key_of(creator, house.right("ALL_READ"))
    assert house.get(made.pk, reading) == made
    with pytest.raises(Forbidden):
        house.update(made.pk, reading, name="X")
    # Rights its creator does not hold are nobody's.
    with pytest.raises(Forbidden):
        house.delete(house.create("Other").pk, tenants.key_of(creator, *Right))


def test_one_that_is_deleted_leaves_its_members(house: House) -> None:
    who = tenants.members(house.organization, 2)
    made = house.create(description="Flies.")
    house.add(made.pk, *who)
    house.delete(made.pk)
    assert not house.kind.model.objects.filter(pk=made.pk).exists()
    assert Member.objects.filter(pk__in=[one.pk for one in who]).count() == 2
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.before) == (
        f"{house.kind.word}.delete",
        {"name": "Night shift", "description": "Flies.", "member_count": 2},
    )
    with pytest.raises(NotFound):
        house.delete(made.pk)
    # The name is free again.
    house.create()


def test_the_default_one_stays_and_may_be_renamed(house: House) -> None:
    with pytest.raises(InvalidTransition):
        house.delete(house.default.pk)
    assert house.update(house.default.pk, name="All of us").is_default


# --- Members ---------------------------------------------------------------------------------------------------------


def test_members_are_added_once_however_often_they_are_named(house: House) -> None:
    one, two, invited = *tenants.members(house.organization, 2), tenants.member(house.organization)
    made = house.create()
    assert house.add(made.pk, one, two, one).member_count == 2
    assert house.add(made.pk, two, invited, two).member_count == 3
    before = n_audited()
    assert house.add(made.pk, two).member_count == house.add(made.pk).member_count == 3
    assert n_audited() == before
    assert house.members(made.pk) == sorted(ids((one, two, invited)))
    entries = AuditEntry.objects.filter(action=f"{house.kind.word}.add_members").order_by("id")
    assert [entry.after for entry in entries] == [
        {"members": [str(one.pk), str(two.pk)]},
        {"members": [str(invited.pk)]},
    ]
    made.refresh_from_db()
    assert (made.member_count, made.updated_at) == (3, NOW)


def test_members_are_removed_and_others_passed_over(house: House) -> None:
    one, two, stranger = tenants.members(house.organization, 3)
    made = house.create()
    house.add(made.pk, one, two)
    assert house.remove(made.pk, stranger, one, one).member_count == 1
    assert house.members(made.pk) == [two.pk]
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.before) == (f"{house.kind.word}.remove_members", {"members": [str(one.pk)]})
    before = n_audited()
    assert house.remove(made.pk, one).member_count == 1
    assert n_audited() == before


def test_who_is_no_member_is_named_by_his_place(house: House) -> None:
    mine, foreign = tenants.member(house.organization), tenants.member(factories.organization())
    made = house.create()
    for change in (house.add, house.remove):
        with pytest.raises(InvalidInput) as refusal:
            change(made.pk, mine, foreign, mine, uuid4())
        faults = [(fault.path, fault.code, fault.message) for fault in refusal.value.errors]
        assert [fault[:2] for fault in faults] == [(("user_ids", 1), "unknown"), (("user_ids", 3), "unknown")]
        # Absent and another organization's are not told apart.
        assert len({message for _, _, message in faults}) == 1
    assert house.members(made.pk) == []


def test_a_deactivated_member_is_not_added_stays_where_he_was_and_can_be_removed(house: House) -> None:
    gone, stays = tenants.members(house.organization, 2)
    made, other = house.create(), house.create("Other")
    house.add(made.pk, gone, stays)
    Member.objects.filter(pk=gone.pk).update(status=MemberStatus.DEACTIVATED)
    with pytest.raises(InvalidInput) as refusal:
        house.add(other.pk, stays, gone)
    assert [(fault.path, fault.code) for fault in refusal.value.errors] == [(("user_ids", 1), "deactivated")]
    assert house.members(other.pk) == []
    assert house.members(made.pk) == [gone.pk, stays.pk]
    assert house.remove(made.pk, gone).member_count == 1


def test_an_invited_member_may_be_in_one(house: House) -> None:
    invited = tenants.member(house.organization, status=MemberStatus.INVITED)
    assert house.add(house.create().pk, invited).member_count == 1


def test_more_than_a_hundred_are_refused(house: House) -> None:
    made = house.create()
    for change in (house.add, house.remove):
        with pytest.raises(InvalidInput) as refusal:
            change(made.pk, *(uuid4() for _ in range(101)))
        assert [fault.path for fault in refusal.value.errors] == [("user_ids",)]


def test_everybody_stays_in_the_default_group() -> None:
    house = House(GROUPS, factories.organization())
    who = tenants.member(house.organization)
    before = house.members(house.default.pk)
    assert who.pk in before
    with pytest.raises(InvalidTransition):
        house.remove(house.default.pk, who)
    assert house.add(house.default.pk, who).member_count == len(before) == 2
    assert house.members(house.default.pk) == before


def test_the_default_team_is_as_any_other() -> None:
    house = House(TEAMS, factories.organization())
    who = tenants.member(house.organization)
    assert house.members(house.default.pk) == []
    assert house.add(house.default.pk, who).member_count == 1
    assert house.remove(house.default.pk, who).member_count == 0


def test_a_batch_costs_as_much_as_one(house: House) -> None:
    made, crowd = house.create(), tenants.members(house.organization, 101)

    def cost(change: Any, *who: Member) -> int:
        with CaptureQueriesContext(connection) as queries:
            change(made.pk, *who)
        return len(queries)

    assert cost(house.add, crowd[0]) == cost(house.add, *crowd[1:]) <= 12
    assert cost(house.remove, crowd[0]) == cost(house.remove, *crowd[1:]) <= 12
    house.add(made.pk, *crowd[:100])
    with CaptureQueriesContext(connection) as queries:
        house.delete(made.pk)
    assert len(queries) <= 10


def test_an_entry_comes_with_its_member(house: House) -> None:
    made = house.create()
    house.add(made.pk, *tenants.members(house.organization, 5))
    with CaptureQueriesContext(connection) as queries:
        _, entries = rosters.list_members(kind=house.kind, roster_id=made.pk, actor=COMMAND)
        told = [(entry.member.person.email, entry.member.role.name) for entry in entries]
    assert (len(told), len(queries)) == (5, 2)


# --- Whose groups ----------------------------------------------------------------------------------------------------


def test_each_member_is_told_with_his_groups() -> None:
    house = House(GROUPS, factories.organization())
    one, two = tenants.members(house.organization, 2)
    night, day = house.create(), house.create("Day shift")
    house.add(day.pk, one)
    house.add(night.pk, one, two)
    for who in (house.caller("ALL_READ"), house.caller("ALL_WRITE")):
        with CaptureQueriesContext(connection) as queries:
            told = rosters.memberships(user_ids=[two.pk, one.pk, two.pk], actor=who)
        assert len(queries) == 3
        assert list(told.items()) == [(two.pk, [house.default, night]), (one.pk, [house.default, night, day])]
    assert rosters.memberships(user_ids=[], actor=who) == {}


def test_whose_groups_may_not_be_asked_for() -> None:
    house = House(GROUPS, factories.organization())
    mine, foreign = tenants.member(house.organization), tenants.member(factories.organization())
    for suffixes in ((), ("WRITE",)):
        with pytest.raises(Forbidden):
            rosters.memberships(user_ids=[mine.pk], actor=house.caller(*suffixes))
    who = house.caller("ALL_READ")
    with pytest.raises(InvalidInput) as refusal:
        rosters.memberships(user_ids=[mine.pk, foreign.pk, uuid4()], actor=who)
    assert [fault.path for fault in refusal.value.errors] == [("user_ids", 1), ("user_ids", 2)]
    with pytest.raises(InvalidInput) as refusal:
        rosters.memberships(user_ids=[mine.pk] * 201, actor=who)
    assert [fault.path for fault in refusal.value.errors] == [("user_ids",)]
    auditor = Actor.staff(factories.member_of_staff("Auditor"))
    assert list(rosters.memberships(user_ids=[foreign.pk], actor=auditor)) == [foreign.pk]
