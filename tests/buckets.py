"""Organizations whose bucket of requests is empty, however slow the machine is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ops_console.access import rate_limits
from ops_console.errors import RateLimited
from ops_console.organizations.models import Organization

# Between two looks; a token comes back each second.
LOOK_S = 0.005


@contextmanager
def kept_empty(organization: Organization) -> Iterator[None]:
    """Take every token of the organization, and each that comes back, until the end of the block."""
    is_over = threading.Event()

    def drain() -> None:
        while not is_over.wait(LOOK_S):
            _empty(organization)

    _empty(organization)
    drainer = threading.Thread(target=drain)
    drainer.start()
    try:
        yield
    finally:
        is_over.set()
        drainer.join()


def _empty(organization: Organization) -> None:
    with suppress(RateLimited):
        while True:
            rate_limits.take(organization)
