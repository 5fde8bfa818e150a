"""Pages of RPC lists: each row once, in order, whatever comes and goes; tokens are good for one list only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_console.access.actors import Actor
from ops_console.errors import InvalidInput
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.gen.pidgr.v1.group_pb import ListGroupMembersRequest, ListGroupsRequest
from ops_console.keyset import MAX_BYTES
from ops_console.organizations.models import Group, Organization
from ops_console.rpc.call import Call
from ops_console.rpc.pages import Page, page
from tests import factories

pytestmark = pytest.mark.django_db


def call_of(organization_id: Any = None, **changes: Any) -> Call:
    call = Call(
        actor=replace(Actor.anyone(None), organization_id=organization_id),
        service="GroupService",
        method="ListGroups",
        now=factories.NOW,
        request_id="a-request",
        request=ListGroupsRequest(),
    )
    return replace(call, **changes)


def add(organization: Organization, *names: str) -> None:
    for name in names:
        Group.objects.create(organization=organization, name=name, created_at=factories.NOW, updated_at=factories.NOW)


def groups(organization: Organization) -> Any:
    return Group.objects.filter(organization=organization, is_default=False)


def walk(organization: Organization, size: int, order: tuple[str, ...]) -> Iterator[Page[Group]]:
    token = ""
    while True:
        found = page(
            groups(organization),
            Pagination(page_size=size, page_token=token),
            call_of(organization.pk),
            order=order,
            total=groups(organization).count,
        )
        yield found
        token = found.meta.next_page_token
        if not token:
            return


@given(
    before=st.sets(st.integers(0, 60)),
    changes=st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=12),
    size=st.integers(1, 7),
    order=st.sampled_from([("id",), ("-id",), ("name", "id"), ("-name", "id"), ("created_at", "-id")]),
)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stays_is_seen_once_and_in_order_while_rows_come_and_go(
    before: set[int], changes: list[tuple[bool, int]], size: int, order: tuple[str, ...]
) -> None:
    organization = factories.organization(f"O {uuid4()}")
    add(organization, *(f"{number:03}" for number in sorted(before)))
    touched: set[str] = set()
    seen: list[str] = []
    left = list(changes)
    for found in walk(organization, size, order):
        seen += [row.name for row in found.rows]
        if left:
            adds, number = left.pop()
            name = f"{number:03}"
            touched.add(name)
            groups(organization).filter(name=name).delete()
            if adds:
                add(organization, name)
    left_over = groups(organization).order_by(*order).values_list("name", flat=True)
    assert [name for name in seen if name not in touched] == [name for name in left_over if name not in touched]


def test_fifty_rows_without_a_size_and_the_number_of_all() -> None:
    organization = factories.organization()
    add(organization, *(f"{number:03}" for number in range(60)))
    found = page(groups(organization), None, call_of(organization.pk), total=60)
    assert (len(found.rows), found.meta.total_count) == (50, 60)
    rest = page(
        groups(organization), Pagination(page_token=found.meta.next_page_token), call_of(organization.pk), total=60
    )
    assert (len(rest.rows), rest.meta.next_page_token) == (10, "")


def test_at_most_two_hundred() -> None:
    with pytest.raises(InvalidInput) as refused:
        page(Group.objects.all(), Pagination(page_size=201), call_of(), total=0)
    assert refused.value.errors[0].path == ("pagination", "page_size")


def test_a_token_is_good_for_its_own_list_only() -> None:
    organization, other = factories.organization(), factories.organization()
    add(organization, "a", "b", "c")
    members, others = ListGroupMembersRequest(group_id="a"), ListGroupMembersRequest(group_id="b")
    home = call_of(organization.pk, request=members)
    rows = groups(organization)
    token = page(rows, Pagination(page_size=1), home, total=3).meta.next_page_token
    paged = ListGroupMembersRequest(group_id="a", pagination=Pagination(page_size=2, page_token=token))
    assert len(page(rows, paged.pagination, replace(home, request=paged), total=3).rows) == 2
    strangers = [
        replace(home, request=others),
        replace(home, method="ListTeams"),
        replace(home, service="TeamService"),
        call_of(other.pk, request=members),
    ]
    tampered = [token[:-1] + ("A" if token[-1] != "A" else "B"), "x" + token, token + "x", "nonsense", ":", "a:b:c"]
    for call, given_token, order in [
        *((call, token, ("id",)) for call in strangers),
        *((home, text, ("id",)) for text in tampered),
        (home, token, ("-id",)),
    ]:
        with pytest.raises(InvalidInput) as refused:
            page(rows, Pagination(page_size=1, page_token=given_token), call, total=3, order=order)
        assert refused.value.errors[0].path == ("pagination", "page_token")


def test_a_page_is_one_query(django_assert_num_queries: Any) -> None:
    organization = factories.organization()
    add(organization, *"abcdefg")
    for size in (1, 5):
        with django_assert_num_queries(1):
            page(groups(organization), Pagination(page_size=size), call_of(organization.pk), total=7)


def test_a_page_ends_before_its_rows_weigh_too_much_but_has_one_at_least() -> None:
    organization = factories.organization()
    add(organization, *"abcde")
    for weight, sizes in ((MAX_BYTES // 2, [2, 2, 1]), (MAX_BYTES + 1, [1] * 5), (1, [5])):
        seen: list[list[str]] = []
        token = ""
        while not seen or token:
            found = page(
                groups(organization),
                Pagination(page_size=5, page_token=token),
                call_of(organization.pk),
                order=("name",),
                total=5,
                weigh=lambda group, weight=weight: weight,  # type: ignore[misc]
            )
            seen.append([group.name for group in found.rows])
            assert found.meta.total_count == 5
            token = found.meta.next_page_token
        assert list(map(len, seen)) == sizes
        assert [name for names in seen for name in names] == list("abcde")
