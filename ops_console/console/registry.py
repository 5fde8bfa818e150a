"""What one app adds to the pages of another: actions and tables on an object's page, panels on the dashboard.

A domain may know the platform, never the other way round: so ``messages/admin.py`` adds "Approve" to the ledger's
refunds, and the ledger's page shows it without knowing from whom it came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops_console.console.actions import ServiceAction


@dataclass(frozen=True)
class Part:
    """A part of an object's page, for those who may list ``resource``.

    ``read`` gets the object and returns the template's variables; a fixed number of queries.
    """

    resource: str
    read: Callable[[Any], dict[str, Any]]
    template: str = "console/_table.html"


@dataclass(frozen=True)
class Panel:
    """A part of the dashboard, for those who may list ``resource``; the lowest ``order`` comes first."""

    order: int
    resource: str
    read: Callable[[datetime], dict[str, Any]]
    template: str = "console/_table.html"


_actions: defaultdict[str, list[ServiceAction]] = defaultdict(list)
_parts: defaultdict[str, list[Part]] = defaultdict(list)
_panels: list[Panel] = []


def extend(model: str, *, actions: Sequence[ServiceAction] = (), parts: Sequence[Part] = ()) -> None:
    """Add to the pages of a model, named as ``app_label.model``."""
    _actions[model].extend(actions)
    _parts[model].extend(parts)


def add_panel(panel: Panel) -> None:
    _panels.append(panel)


def actions_of(model: str) -> Sequence[ServiceAction]:
    return _actions.get(model, ())


def parts_of(model: str) -> Sequence[Part]:
    return _parts.get(model, ())


def panels() -> list[Panel]:
    return sorted(_panels, key=lambda panel: panel.order)
