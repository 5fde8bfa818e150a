"""One request that works for every row of the policy table that has a route, with what it needs to stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right

Pair = tuple[str, str]
REASON = {"reason": "The customer rang."}


@dataclass(frozen=True)
class Request:
    """Below /api/v1/.

    ``also``: further rows of the table it passes. ``rights``: what a member needs beside the right the table names.
    """

    method: str
    path: str
    body: dict[str, Any] | None = None
    also: tuple[Pair, ...] = ()
    rights: tuple[Right, ...] = ()


# Each makes what its request is about in the organization it is given.
Scenario = Callable[[Organization], Request]
SCENARIOS: dict[Pair, Scenario] = {}


def scenario(resource: str, action: str) -> Callable[[Scenario], Scenario]:
    def keep(build: Scenario) -> Scenario:
        SCENARIOS[resource, action] = build
        return build

    return keep


def lists(resource: str, make: Callable[[Organization], object]) -> None:
    """A list with at least one row."""

    def build(of: Organization) -> Request:
        make(of)
        return Request("GET", resource)

    SCENARIOS[resource, "list"] = build


def retrieves(resource: str, name: Callable[[Organization], object]) -> None:
    """One thing by what its address calls it."""
    SCENARIOS[resource, "retrieve"] = lambda of: Request("GET", f"{resource}/{name(of)}")
