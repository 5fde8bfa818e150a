"""Keep the processes of the Procfile: start them, pass on what they print, and leave none of them behind.

Runs as a process of its own, ``python -m ops_console.processes``. When one process ends, all are ended.
"""

# mypy: allow-untyped-calls
# Honcho carries no types.

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Popen, Process

from ops_console.leash import adopt_orphans, end_with_parent, leashed
from ops_console.var_dir import PROJECT


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


def main() -> None:
    adopt_orphans()
    LeashedProcess.keeper = os.getpid()
    manager = Manager()
    manager._process_ctor = LeashedProcess
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
