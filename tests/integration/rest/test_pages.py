from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ops_console.organizations.models import Organization
from ops_console.rest.pagination import Orderings, Page, paginate
from ops_console.rest.problems import InvalidParameter
from tests.factories import NOW

ORDERINGS: Orderings = {
    "-createdAt": ("-created_at", "-id"),
    "createdAt": ("created_at", "id"),
    "name": ("name", "-created_at", "id"),
}


def page_of(ordering: str, limit: int, cursor: str | None) -> Page[Organization]:
    params = QueryDict(mutable=True)
    params.update({"ordering": ordering, "limit": str(limit), **({"cursor": cursor} if cursor else {})})
    return paginate(Organization.objects.all(), params=params, path="/x", orderings=ORDERINGS)


def add(name: str, minute: int) -> Organization:
    organization = Organization.objects.create(name=name)
    Organization.objects.filter(pk=organization.pk).update(created_at=NOW + timedelta(minutes=minute))
    return organization


# Few names and minutes, so that many rows tie.
ROW = st.tuples(st.sampled_from("abc"), st.integers(0, 3))


class Pages(TestCase):
    @settings(max_examples=40)
    @given(
        ordering=st.sampled_from(list(ORDERINGS)),
        limit=st.integers(1, 5),
        rows=st.lists(ROW, max_size=15),
        changes=st.lists(st.tuples(st.booleans(), ROW, st.integers(0, 100)), max_size=15),
    )
    def test_every_row_that_stays_comes_once_and_in_order(
        self,
        ordering: str,
        limit: int,
        rows: list[tuple[str, int]],
        changes: list[tuple[bool, tuple[str, int], int]],
    ) -> None:
        staying = {add(*row).pk for row in rows}
        seen: list[Organization] = []
        pending = list(changes)
        page = page_of(ordering, limit, None)
        seen += page.rows
        while page.cursor:
            for is_added, row, choice in pending[:2]:
                if is_added:
                    add(*row)
                elif staying:
                    gone = sorted(staying)[choice % len(staying)]
                    Organization.objects.filter(pk=gone).delete()
                    staying.discard(gone)
            del pending[:2]
            page = page_of(ordering, limit, page.cursor)
            seen += page.rows
        keys = [row.pk for row in seen]
        assert len(keys) == len(set(keys))
        assert staying <= set(keys)
        assert all(comes_before(ordering, a, b) for a, b in pairwise(seen))


def comes_before(ordering: str, a: Organization, b: Organization) -> bool:
    for column in ORDERINGS[ordering]:
        name = column.lstrip("-")
        mine, other = getattr(a, name), getattr(b, name)
        if mine != other:
            return bool(mine > other if column.startswith("-") else mine < other)
    return False


@pytest.mark.django_db
def test_a_cursor_is_good_for_its_list_only() -> None:
    for minute in range(3):
        add("a", minute)
    cursor = page_of("name", 1, None).cursor
    assert cursor
    for ordering, token in (("createdAt", cursor), ("name", cursor[:-1] + "!"), ("name", "x:y:z"), ("name", "\udcff")):
        with pytest.raises(InvalidParameter):
            page_of(ordering, 1, token)
    params = QueryDict(f"ordering=name&cursor={cursor}")
    with pytest.raises(InvalidParameter):
        paginate(Organization.objects.all(), params=params, path="/y", orderings=ORDERINGS)


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "", "²", "9" * 5000])
def test_a_limit_out_of_range_is_refused(limit: str) -> None:
    params = QueryDict(mutable=True)
    params["limit"] = limit
    with pytest.raises(InvalidParameter):
        paginate(Organization.objects.all(), params=params, path="/x", orderings=ORDERINGS)


@pytest.mark.django_db
def test_50_rows_unless_told_otherwise() -> None:
    Organization.objects.bulk_create(Organization(name="x") for _ in range(201))
    path, orderings, rows = "/x", ORDERINGS, Organization.objects.all()
    assert len(paginate(rows, params=QueryDict(), path=path, orderings=orderings).rows) == 50
    assert len(paginate(rows, params=QueryDict("limit=200"), path=path, orderings=orderings).rows) == 200
