"""The life of one server process: it ends with its parent, and no second one starts on its files."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ops_console.leash import leashed
from ops_console.var_dir import CannotStart

# How long the server of a console that was killed may take to end, and a new one to answer.
PATIENCE_S = 30.0
POLL_S = 0.02
# After each signal, how long the server may take to end before the next is sent.
STOP_S = 8.0


class Server:
    """One server on a leash.

    Its lock file stays open in it and in its children, so whoever gets the lock knows that all of them have ended:
    a process number in a file cannot tell that, the number may belong to a zombie or to somebody else by now.
    """

    def __init__(self, *, name: str, folder: Path, user: str | None, stop_signals: list[signal.Signals]) -> None:
        self.name = name
        self.user = user
        self.log = folder / f"{name.lower()}.log"
        self._lock = folder / f"{name.lower()}.lock"
        self._stop_signals = stop_signals
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running server's process number."""
        return self._process.pid if self._process else None

    @property
    def has_ended(self) -> bool:
        """Whether the server was started and has ended without being told to."""
        return self._process is not None and self._process.poll() is not None

    def lock(self) -> int:
        """Wait until no earlier server uses the files; return the lock to start the next with. Raises: CannotStart."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise CannotStart(f"Another {self.name} still uses {self._lock.parent}: stop it first.") from None
                time.sleep(POLL_S)
            else:
                return descriptor

    def run(self, command: list[str], *, lock: int, is_ready: Callable[[], bool]) -> None:
        """Start the server and return when it answers. Raises: CannotStart."""
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own programs and arguments
                leashed(command, on_parent_death=self._stop_signals[0], user=self.user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=clean_environment(),
                pass_fds=[lock],
                start_new_session=True,
            )
        self._wait_until(is_ready, self._process)

    def stop(self) -> None:
        """Stop the server, more and more firmly, and return when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in [*self._stop_signals, signal.SIGKILL]:
            process.send_signal(number)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue
            return

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _wait_until(self, is_ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise CannotStart(
                    f"The embedded {self.name} did not start; its log {self.log} says: {self._last_words()}"
                )
            time.sleep(POLL_S)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "nothing"


def clean_environment() -> dict[str, str]:
    """The environment of a server: nothing of the caller's but what Python itself may need to start."""
    clean = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    if libraries := os.environ.get("LD_LIBRARY_PATH"):
        clean["LD_LIBRARY_PATH"] = libraries
    return clean
