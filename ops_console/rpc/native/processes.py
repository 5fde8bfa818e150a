"""Several processes that serve native gRPC on one port, for one Python process uses one core."""

from __future__ import annotations

import signal
import subprocess
import threading

from ops_console.leash import leashed


class Processes:
    """``n`` times a command, ended together: none outlives another, or this process."""

    def __init__(self, command: list[str], n: int) -> None:
        self.command = leashed(command, on_parent_death=signal.SIGTERM)
        self.n = n
        self._ends = threading.Event()

    def run(self) -> int:
        """Start them, wait for ``stop`` or for one of them to end, end the rest; what the first to end returned."""
        running = [subprocess.Popen(self.command) for _ in range(self.n)]  # noqa: S603 - the command is the caller's
        watchers = [threading.Thread(target=self._watch, args=[process]) for process in running]
        for watcher in watchers:
            watcher.start()
        self._ends.wait()
        ended = next((code for process in running if (code := process.poll()) is not None), 0)
        for process in running:
            process.terminate()
        for watcher in watchers:
            watcher.join()
        return ended

    def stop(self) -> None:
        """Have ``run`` end. May be called by a signal's handler."""
        self._ends.set()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._ends.set()
