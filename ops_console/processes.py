"""Keep the processes of the Procfile: start them, pass on what they print, and leave none of them behind.

Runs as a process of its own, ``python -m ops_console.processes``. When one ends while they start, all are ended; once
``STARTED`` says that all are up, it is started again.
"""

# mypy: allow-untyped-calls
# Honcho carries no types.

from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Popen, Process

from ops_console.leash import adopt_orphans, end_with_parent, leashed
from ops_console.var_dir import PROJECT

# Sent to this process when all that it keeps is up.
STARTED = signal.SIGUSR1
# Between the end of a process and its next start, so that one that cannot live does not take the machine.
PAUSE_S = 1.0


class WholePopen(Popen):
    """Honcho's command, except that what it started ends when it does; else it would keep the output open for ever."""

    def __init__(self, command: str, **keywords: Any) -> None:
        super().__init__(command, **keywords)
        threading.Thread(target=self._end_group, daemon=True).start()

    def _end_group(self) -> None:
        self.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class LeashedProcess(Process):
    """Honcho's process, except that neither it nor its command outlives this one."""

    def run(self, *arguments: Any, **keywords: Any) -> None:
        end_with_parent(signal.SIGKILL, self.keeper)
        shell = leashed(["/bin/sh", "-c", self.cmd], on_parent_death=signal.SIGTERM)
        self.cmd = f"exec {shlex.join(shell)}"
        self._child_ctor = WholePopen  # type: ignore[assignment]
        super().run(*arguments, **keywords)

    keeper = 0


class Keeper(Manager):
    """Honcho's manager, except that once all are up, it starts again what ends."""

    def __init__(self) -> None:
        super().__init__()
        self._process_ctor = LeashedProcess
        self._is_up = False

    def revive_from_now_on(self, *_: object) -> None:
        self._is_up = True

    # Honcho's loop asks these three, in this order, after each event and every tenth of a second.
    def _all_started(self) -> bool:
        if self._revives:
            for name, process in self._processes.items():
                if process.get("returncode") is not None:
                    self._revive_in_time(name, process)
        return bool(super()._all_started())

    def _all_stopped(self) -> bool:
        return not self._revives and bool(super()._all_stopped())

    def _any_stopped(self) -> bool:
        return not self._revives and bool(super()._any_stopped())

    @property
    def _revives(self) -> bool:
        return self._is_up and not self._terminating

    def _revive_in_time(self, name: str, process: dict[str, Any]) -> None:
        now = time.monotonic()
        if now < process.setdefault("again_at", now + PAUSE_S):
            return
        self._system_print(f"{name} has ended. Starting it again ...\n")
        # Its number stays until the new one is known: it may be told to stop before that.
        del process["again_at"], process["returncode"]
        process["process"] = multiprocessing.Process(name=name, target=process["obj"].run, args=(self.events, True))
        process["process"].start()


def main() -> None:
    adopt_orphans()
    LeashedProcess.keeper = os.getpid()
    manager = Keeper()
    signal.signal(STARTED, manager.revive_from_now_on)
    for name, command in parse_procfile((PROJECT / "Procfile").read_text()).processes.items():
        manager.add_process(name, command, cwd=str(PROJECT))
    try:
        manager.loop()
    finally:
        end_descendants()
    sys.exit(manager.returncode)


def end_descendants() -> None:
    """Kill every process below this one, which adopts those whose parents died, and wait for them."""
    while children := list(_children(os.getpid())):
        for pid in children:
            _end(pid)


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def _children(parent: int) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _parent(folder) == parent:
            yield int(folder.name)


def _parent(folder: Path) -> int | None:
    try:
        # The program's name, in parentheses, may hold anything; after it come the state and the parent.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


if __name__ == "__main__":
    main()
