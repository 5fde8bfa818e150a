"""Running one function in many threads at once, each with its own database connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def in_threads(n: int, fn: Callable[[int], T]) -> list[T | Exception]:
    """Call ``fn(0)`` to ``fn(n - 1)`` at once; return results and raised exceptions, in that order.

    All wait for each other before the first begins. Needs the ``committed_db`` fixture.
    """
    barrier = Barrier(n, timeout=60)

    def run(number: int) -> T | Exception:
        try:
            barrier.wait()
            return fn(number)
        except Exception as error:  # noqa: BLE001 - the caller looks at it
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=n) as pool:
        return list(pool.map(run, range(n)))
