"""The table of errors is whole, and paths are written as protovalidate writes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops_console import errors
from ops_console.rest.problems import STATUS
from ops_console.rpc.native.handlers import address_of
from ops_console.rpc.statuses import CODES, Code, path_of


def kinds(base: type[errors.DomainError]) -> Iterator[type[errors.DomainError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_domain_error_has_a_row_over_rpc_and_over_http() -> None:
    ours = {kind for kind in kinds(errors.DomainError) if kind.__module__ == errors.__name__}
    assert ours == set(CODES)
    assert all(any(parent in STATUS for parent in kind.__mro__) for kind in ours)


def test_codes_are_grpcs() -> None:
    assert [code.value for code in Code] == list(range(17))


@pytest.mark.parametrize(
    ("path", "text"),
    [(("name",), "name"), (("user_ids", 3), "user_ids[3]"), (("workflow", "steps", 0, "id"), "workflow.steps[0].id")],
)
def test_a_path(path: tuple[str | int, ...], text: str) -> None:
    assert path_of(path) == text


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5001", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5001", "::1"),
        ("ipv6:[2001:db8::7]:5001", "2001:db8::7"),
        ("unix:", ""),
    ],
)
def test_the_address_of_a_peer(peer: str, address: str) -> None:
    assert address_of(peer) == address
