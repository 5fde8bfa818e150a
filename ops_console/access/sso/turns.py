"""How long, and by how many at once, a provider may keep threads that everybody needs.

A provider is its customer's own server, which may be slow on purpose.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Condition
from uuid import UUID

from ops_console.access.sso.refusals import NotLetIn, Told
from ops_console.outbound.documents import Reader, Reply, Unreadable

# Of one provider, in one process.
MOST_AT_ONCE = 2
# Seconds for which one more waits for its turn.
PATIENCE_S = 1.0

_changed = Condition()
_under_way: Counter[UUID] = Counter()


@contextmanager
def turn(provider_id: UUID) -> Iterator[None]:
    """Be one of the few that wait for this provider.

    Raises:
        NotLetIn: there are too many.
    """
    with _changed:
        if not _changed.wait_for(lambda: _under_way[provider_id] < MOST_AT_ONCE, PATIENCE_S):
            raise NotLetIn("provider_busy", Told.UNREACHABLE)
        _under_way[provider_id] += 1
    try:
        yield
    finally:
        with _changed:
            _under_way[provider_id] -= 1
            if not _under_way[provider_id]:
                del _under_way[provider_id]
            _changed.notify_all()


@dataclass(frozen=True)
class Hurried:
    """Sends as its reader does, all requests together within one deadline, by ``time.monotonic``."""

    reader: Reader
    deadline: float

    @classmethod
    def within(cls, seconds: float, reader: Reader) -> Hurried:
        return cls(reader, time.monotonic() + seconds)

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", max_bytes: int) -> Reply:
        """See ``Reader.send``."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unreadable("The server did not answer in time.")
        hurried = replace(self.reader, timeout_s=min(left, self.reader.timeout_s))
        return hurried.send(method, url, headers=headers, body=body, max_bytes=max_bytes)
