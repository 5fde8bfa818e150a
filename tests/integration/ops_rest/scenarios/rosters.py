"""Teams and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ops_console.organizations.models import Organization
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind
from tests.factories import COMMAND, NOW, numbers
from tests.integration.ops_rest.scenarios.registry import SCENARIOS, Request, lists, retrieves


def made(kind: Kind[Any], of: Organization) -> Any:
    return rosters.create_roster(
        kind=kind, name=f"Shift {next(numbers)}", description="", organization_id=of.pk, actor=COMMAND, now=NOW
    )


def creation(kind: Kind[Any]) -> Callable[[Organization], Request]:
    return lambda of: Request("POST", kind.resource, {"name": "Owls", "organization": str(of.pk)})


def change(kind: Kind[Any]) -> Callable[[Organization], Request]:
    return lambda of: Request("PATCH", f"{kind.resource}/{made(kind, of).pk}", {"name": "Owls"})


def deletion(kind: Kind[Any]) -> Callable[[Organization], Request]:
    return lambda of: Request("DELETE", f"{kind.resource}/{made(kind, of).pk}")


for each in (TEAMS, GROUPS):
    lists(each.resource, lambda of, kind=each: made(kind, of))  # type: ignore[misc]
    retrieves(each.resource, lambda of, kind=each: made(kind, of).pk)  # type: ignore[misc]
    SCENARIOS[each.resource, "create"] = creation(each)
    SCENARIOS[each.resource, "update"] = change(each)
    SCENARIOS[each.resource, "delete"] = deletion(each)
