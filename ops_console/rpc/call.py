"""What a method is told of its call, beside the request message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from protobuf import Message

from ops_console.access.actors import Actor


@dataclass(frozen=True)
class Call:
    """One call that passed authentication, rate limit, rights and validation.

    ``service`` and ``method`` are names without the package. ``deadline`` is the caller's, if it gave one.
    """

    actor: Actor
    service: str
    method: str
    now: datetime
    request_id: str
    deadline: datetime | None = None
    # What was asked, for page tokens to be bound to.
    request: Message | None = field(default=None, repr=False)


@dataclass(frozen=True)
class CallsOut:
    """A handler in two halves: ``prepare`` calls others' servers, and is never within a transaction.

    ``carry_out`` is given what came of it, and may be in the transaction of an Idempotency-Key.
    """

    prepare: Callable[[Any, Call], Any]
    carry_out: Callable[[Any, Call, Any], Any]

    def __call__(self, request: Any, call: Call) -> Any:
        return self.carry_out(request, call, self.prepare(request, call))


# (request message, call) -> response message, or an iterator of them where the method streams.
Handler = Callable[[Any, Call], Any | Iterator[Any]]
# In an app's ``rpc.py``: SERVICES, from a service's name to its methods' handlers by name.
Services = dict[str, dict[str, Handler]]
