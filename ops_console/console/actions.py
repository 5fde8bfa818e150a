"""Staff actions as values: a button, a page that says what will happen, one call of a service, a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ops_console.access.actors import Actor
from ops_console.console.forms import ConsoleForm, ReasonForm
from ops_console.errors import DomainError, InvalidInput


class Scope(StrEnum):
    # Makes something new: a button above the list.
    NEW = "new"
    # A button on one object's page.
    ONE = "one"
    # The same, and for a selection on the list.
    MANY = "many"


@dataclass(frozen=True)
class Call:
    """What a service is called with. ``given`` is the form's data, empty while the page is only shown."""

    actor: Actor
    now: datetime
    objects: Sequence[Any] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Any:
        return self.objects[0]


@dataclass(frozen=True)
class Report:
    """What came of it: the names of what it was done to, and by name why it was refused.

    ``text`` stands in place of the count. ``secrets`` are shown this once, by their labels. ``url`` is where to go on.
    """

    done: Sequence[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


def nothing_to_tell(call: Call) -> Sequence[str]:
    return ()


def always(target: Any) -> bool:
    return True


def nothing_given(target: Any) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class ServiceAction:
    """One thing staff may do.

    ``resource`` and ``right`` are looked up in the policy. ``done`` completes "3 messages ...". ``preview`` tells in
    sentences what will happen. ``applies`` hides the button of an object for which the service would refuse.
    ``calls_out``: its service calls another machine, so it runs in no transaction; repeating it does no harm.
    """

    name: str
    label: str
    resource: str
    right: str
    run: Callable[[Call], Report]
    done: str = "changed"
    scope: Scope = Scope.MANY
    form: type[ConsoleForm] = ReasonForm
    preview: Callable[[Call], Sequence[str]] = nothing_to_tell
    applies: Callable[[Any], bool] = always
    initial: Callable[[Any], Mapping[str, Any]] = nothing_given
    icon: str = ""
    is_dangerous: bool = False
    calls_out: bool = False

    @property
    def is_once(self) -> bool:
        """Whether a page confirmed twice must be stopped here: a selection's services refuse what is done already."""
        return self.scope is not Scope.MANY and not self.calls_out


def each(call: Call, service: Callable[[Any], object]) -> Report:
    """Call a service for one object after the other, each in its own transaction."""
    done, refused = [], {}
    for target in call.objects:
        try:
            service(target)
        except DomainError as error:
            refused[str(target)] = reason_of(error)
        else:
            done.append(str(target))
    return Report(done, refused)


def reason_of(error: DomainError) -> str:
    """What went wrong in one line, the faults of the input included."""
    if isinstance(error, InvalidInput):
        return " ".join(fault.message for fault in error.errors)
    return error.message
