"""Waking the workers early.

Rows are the truth and beat looks at them every second; a ring only saves that second. So it never blocks the caller,
never fails, and many rings in a short time are one: a background thread of the process publishes them.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import redis
from django.conf import settings

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)

# One task is rung at most once in this time, by all processes together.
QUIET_MS = 250


class Doorbell:
    """Collects the names of tasks to ring and publishes them from a thread of its own."""

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ring(self, task_name: str) -> None:
        with self._lock:
            self._pending.add(task_name)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        # Takes its time, which no caller has to wait for.
        from ops_console.celery import app

        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
        while self._wake.wait():
            self._wake.clear()
            with self._lock:
                names, self._pending = self._pending, set()
            held_back = {name for name in names if not self._publish(app, client, name)}
            if held_back:
                time.sleep(QUIET_MS / 1000)
                with self._lock:
                    self._pending |= held_back
                self._wake.set()

    def _publish(self, app: Celery, client: redis.Redis, name: str) -> bool:
        """Ring, and say whether that is done with; a broken broker loses the ring, and beat makes up for it."""
        try:
            if not client.set(f"doorbell:{name}", 1, nx=True, px=QUIET_MS):
                return False
            app.send_task(name, expires=10, retry=False, ignore_result=True)
        except Exception as error:  # noqa: BLE001 - kombu lets through errors of many libraries
            logger.warning("doorbell.lost", extra={"task": name, "error": type(error).__name__})
        return True


ring = Doorbell().ring
