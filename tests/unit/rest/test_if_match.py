from __future__ import annotations

import pytest
from django.test import RequestFactory

from ops_console.errors import PreconditionFailed
from ops_console.rest.etags import etag, if_match, require_version
from ops_console.rest.problems import InvalidHeader


def versions(header: str | None) -> frozenset[int] | None:
    headers = {} if header is None else {"If-Match": header}
    return if_match(RequestFactory().patch("/", headers=headers))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("*", None),
        (' "v3" ', {3}),
        ('"v3", "v4"', {3, 4}),
        ('W/"v3"', set()),
        ('W/"v3", "v5"', {5}),
        ('"other,else"', set()),
        ('""', set()),
    ],
)
def test_reads_the_versions(header: str | None, expected: set[int] | None) -> None:
    assert versions(header) == expected


@pytest.mark.parametrize("header", ["v3", '"v3', "", '"v3" x', "* , *", '"a b"'])
def test_refuses_what_is_no_list_of_tags(header: str) -> None:
    with pytest.raises(InvalidHeader):
        versions(header)


def test_requires_the_current_version() -> None:
    require_version(None, 3)
    require_version(frozenset({2, 3}), 3)
    with pytest.raises(PreconditionFailed):
        require_version(frozenset(), 3)
    with pytest.raises(PreconditionFailed):
        require_version(versions(etag(2)), 3)
