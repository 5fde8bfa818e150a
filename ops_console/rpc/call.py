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


# (request message, call) -> response message, or an iterator of them where the method streams.
Handler = Callable[[Any, Call], Any | Iterator[Any]]


@dataclass(frozen=True)
class Prepared:
    """A handler in two parts, for what calls over the network.

    ``prepare`` is called first, outside of any transaction, that of an Idempotency-Key included, and not at all for a
    repetition. ``carry_out`` is handed what it returned.
    """

    prepare: Callable[[Any, Call], Any]
    carry_out: Callable[[Any, Call, Any], Any]


# In an app's ``rpc.py``: SERVICES, from a service's name to its methods' handlers by name.
Services = dict[str, dict[str, Handler | Prepared]]
