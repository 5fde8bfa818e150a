"""Waiting for what other threads and processes do, as long as a busy machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
POLL_S = 0.01


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again until it is so; fail when it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(POLL_S)
