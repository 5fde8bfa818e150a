"""Pages over RPC: whatever comes and goes meanwhile, each row is shown once and in order."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_console.gen.pidgr.v1 import group_pb, member_pb, team_pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.organizations.models import Member
from tests import factories, pidgr, tenants
from tests.pidgr import Tenant

pytestmark = pytest.mark.django_db
generated = settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
# What happens before each page: a row is added, or the so-many-th is removed.
STEPS = st.lists(st.lists(st.one_of(st.just("add"), st.integers(0, 30)), max_size=3), max_size=12)


@dataclass
class Listing:
    """A list of one organization, and what it should hold: ids in the order of the list."""

    method: str
    request: Any
    rows: str
    add: Callable[[Listing], str]
    remove: Callable[[Listing, str], object]
    tenant: Tenant = field(default_factory=Tenant.new)
    # Which team or group it is the list of.
    fields: dict[str, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.key = self.tenant.key()

    def page(self, size: int, token: str = "", **fields: str) -> tuple[list[str], str, int]:
        request = self.request(pagination=Pagination(page_size=size, page_token=token), **{**self.fields, **fields})
        answer = pidgr.call(self.method, request, self.key)
        meta = answer.pagination
        return [row.id for row in getattr(answer, self.rows)], meta.next_page_token, meta.total_count

    def refuses(self, token: str) -> bool:
        request = self.request(pagination=Pagination(page_token=token), **self.fields)
        return pidgr.faults(self.method, request, self.key) == ["pagination.page_token"]

    def grow(self) -> str:
        added = self.add(self)
        self.present.add(added)
        return added

    def shrink(self, number: int) -> str | None:
        if not self.present:
            return None
        removed = sorted(self.present)[number % len(self.present)]
        self.remove(self, removed)
        self.present.discard(removed)
        return removed


def rosters_of(service: str, pb: Any) -> Listing:
    """ListTeams or ListGroups."""
    word = service.lower()

    def add(to: Listing) -> str:
        request = getattr(pb, f"Create{service}Request")(name=f"{word} {next(factories.numbers)}")
        made = pidgr.call(f"{service}Service.Create{service}", request, to.key)
        return str(getattr(made, word).id)

    def remove(from_: Listing, roster_id: str) -> None:
        request = getattr(pb, f"Delete{service}Request")(**{f"{word}_id": roster_id})
        pidgr.call(f"{service}Service.Delete{service}", request, from_.key)

    return Listing(f"{service}Service.List{service}s", getattr(pb, f"List{service}sRequest"), f"{word}s", add, remove)


def entries_of(service: str, pb: Any) -> Listing:
    """ListTeamMembers or ListGroupMembers."""
    word = service.lower()

    def change(verb: str, listing: Listing, user_id: str) -> None:
        request = getattr(pb, f"{verb}{service}MembersRequest")(**listing.fields, user_ids=[user_id])
        pidgr.call(f"{service}Service.{verb}{service}Members", request, listing.key)

    def add(to: Listing) -> str:
        # Every other one has long been a member: he comes in before those shown already.
        waiting = Member.objects.filter(organization=to.tenant.organization).exclude(pk__in=to.present)
        old = waiting.order_by("pk").first() if len(to.present) % 2 else None
        user_id = str((old or tenants.member(to.tenant.organization)).pk)
        change("Add", to, user_id)
        return user_id

    def remove(from_: Listing, user_id: str) -> None:
        change("Remove", from_, user_id)

    listing = Listing(
        f"{service}Service.List{service}Members", getattr(pb, f"List{service}MembersRequest"), "users", add, remove
    )
    created = pidgr.call(
        f"{service}Service.Create{service}", getattr(pb, f"Create{service}Request")(name="Owls"), listing.key
    )
    listing.fields = {f"{word}_id": getattr(created, word).id}
    return listing


LISTINGS: dict[str, Callable[[], Listing]] = {
    "teams": lambda: rosters_of("Team", team_pb),
    "groups": lambda: rosters_of("Group", group_pb),
    "team members": lambda: entries_of("Team", team_pb),
    "group members": lambda: entries_of("Group", group_pb),
}


@pytest.fixture(params=LISTINGS)
def listing(request: pytest.FixtureRequest) -> Any:
    return LISTINGS[request.param]


@generated
@given(n_first=st.integers(0, 12), size=st.integers(1, 5), steps=STEPS)
def test_every_row_once_and_in_order_while_rows_come_and_go(listing, n_first, size, steps):
    with transaction.atomic():
        walked = listing()
        # What the organization began with, such as its default team.
        kept, _, _ = walked.page(200)
        for _ in range(n_first):
            walked.grow()
        stayed = {*kept, *walked.present}
        shown = []
        token, schedule = "", list(steps)
        while True:
            for step in schedule.pop(0) if schedule else ():
                if step == "add":
                    walked.grow()
                else:
                    stayed.discard(walked.shrink(step))
            rows, token, total = walked.page(size, token)
            there = {*kept, *walked.present}
            assert total == len(there)
            assert set(rows) <= there
            # All that stand behind the last one shown are still to come; a page that is not the last is full.
            behind = sorted(row for row in there if not shown or row > shown[-1])
            assert rows == behind[:size]
            assert bool(token) == (len(behind) > size)
            shown += rows
            if not token:
                break
        assert shown == sorted(set(shown))
        assert stayed <= set(shown)
        transaction.set_rollback(True)


@generated
@given(data=st.data())
def test_a_token_that_was_tampered_with_is_refused(listing, data):
    with transaction.atomic():
        walked = listing()
        for _ in range(3):
            walked.grow()
        _, token, _ = walked.page(1)
        place = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(
            st.sampled_from(string.ascii_letters + string.digits + ":_-").filter(lambda c: c != token[place])
        )
        for forged in (
            token[:place] + other + token[place + 1 :],
            token[:place] + token[place + 1 :],
            token[:place] + other + token[place:],
            token + other,
            data.draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)),
        ):
            assert walked.refuses(forged), forged
        assert len(walked.page(5, token)[0]) >= 2
        transaction.set_rollback(True)


def test_a_token_is_good_for_the_list_it_came_from_and_no_other():
    listings = [make() for make in LISTINGS.values()]
    # The same lists of another organization, other teams and groups of the same, and another method altogether.
    listings += [make() for make in LISTINGS.values()]
    for service, pb in (("Team", team_pb), ("Group", group_pb)):
        second = entries_of(service, pb)
        first = listings[2 if service == "Team" else 3]
        second.tenant, second.key = first.tenant, first.key
        created = pidgr.call(
            f"{service}Service.Create{service}", getattr(pb, f"Create{service}Request")(name="Larks"), first.key
        )
        second.fields = {f"{service.lower()}_id": getattr(created, service.lower()).id}
        listings.append(second)
    for each in listings:
        for _ in range(3):
            each.grow()
    tokens = [each.page(1)[1] for each in listings]
    assert all(tokens)
    for each in listings:
        for token, origin in zip(tokens, listings, strict=True):
            if origin is each:
                assert each.page(2, token)[0] == each.page(3)[0][1:]
            else:
                assert each.refuses(token), (each.method, origin.method)
    users = member_pb.ListUsersRequest(pagination=Pagination(page_token=tokens[0]))
    assert pidgr.faults("MemberService.ListUsers", users, listings[0].key) == ["pagination.page_token"]
