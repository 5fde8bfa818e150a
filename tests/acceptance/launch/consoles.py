"""Consoles run as real processes, and what is left of them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ops_console.var_dir import PROJECT

PORTS, PORT_RANGE = random.SystemRandom(), range(20_000, 32_000)

READY = "Press Ctrl-C to stop."
# Generous: the machine may have other things to do.
START_S = 180.0
STOP_S = 30.0


@dataclass
class Console:
    """A console in a folder of its own; ``variables`` come on top of an otherwise empty environment."""

    var_dir: Path
    python: str = sys.executable
    project: Path = PROJECT
    user: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.output = self.var_dir.parent / f"{self.var_dir.name}.out"
        self.variables = {"PORT": str(free_port()), "GRPC_PORT": str(free_port()), "DEMO": "0", **self.variables}

    def start(self) -> Console:
        self.launch()
        self.wait_until(lambda: READY in self.text, START_S)
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command or [self.python, "-m", "ops_console.launch"],
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.user,
                extra_groups=[] if self.user else None,
            )
        return self.process

    def refusal(self) -> str:
        """Start it, expect it to exit with 1, and return what it said."""
        assert self.launch().wait(START_S) == 1, self.text
        return self.text.strip()

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.python, "manage.py", *arguments],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=START_S,
            user=self.user,
            extra_groups=[] if self.user else None,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def python_says(self, code: str) -> str:
        return self.manage("shell", "--verbosity", "0", "--command", code)

    def signal(self, number: signal.Signals) -> int:
        """Send the signal and return the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def wait_until(self, is_so: Callable[[], bool], patience_s: float) -> None:
        assert self.process
        deadline = time.monotonic() + patience_s
        while not is_so():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    @property
    def is_ready(self) -> bool:
        """Whether the console says now that everything is fine."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.variables['PORT']}/readyz?all=1", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def environment(self) -> dict[str, str]:
        home = {"HOME": str(self.var_dir.parent), "PATH": os.defpath, "VAR_DIR": str(self.var_dir)}
        return {**home, **self.variables}

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")


def free_port() -> int:
    """One of those the kernel does not give out: such a one may be somebody's before it is bound here."""
    while True:
        port = PORTS.choice(PORT_RANGE)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Witness:
    """A process as it was seen once: its number may be somebody else's later, its start may not."""

    pid: int
    started: str
    command: str

    @property
    def lives(self) -> bool:
        found = witness(self.pid)
        return found is not None and found.started == self.started


def witness(pid: int) -> Witness | None:
    """The process, unless it has ended; a zombie has."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] in "ZX" else Witness(pid=pid, started=after_name[19], command=command)


def descendants(pid: int) -> list[Witness]:
    """Every living process below this one."""
    return [found for child in children(pid) for found in [witness(child), *descendants(child)] if found]


def children(pid: int) -> Iterator[int]:
    for task in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(task.read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(task.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue


def wait_until_gone(processes: list[Witness]) -> None:
    deadline = time.monotonic() + STOP_S
    while left := [process for process in processes if process.lives]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
