"""A house of a test's own: a database, a Valkey and processes of the Procfile, each of which may be killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import LiteralString

import dj_database_url
import psycopg
from django.db import connection, connections
from honcho.environ import parse_procfile

from ops_console.access.services import signing_keys
from ops_console.embedded import Postgres, Valkey
from ops_console.leash import leashed
from ops_console.var_dir import PROJECT
from tests.acceptance.launch.consoles import free_port

COMMANDS: dict[str, str] = parse_procfile((PROJECT / "Procfile").read_text()).processes
# Flights of hours take fractions of a second.
SPEEDUP = 36_000
POLL_S = 0.05
PATIENCE_S = 90.0
STOP_S = 15.0
HOLD_S = 5.0
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s
"""


class Program:
    """One process of the Procfile with its children, in a process group of its own."""

    def __init__(self, name: str, arguments: str, environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self._command = f"{COMMANDS[name]} {arguments}"
        self._environment = environment
        self._log = folder / f"{name}-{environment['VAR_DIR'].rpartition('/')[2]}.out"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                leashed(["/bin/sh", "-c", self._command], on_parent_death=signal.SIGKILL),
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill the process and all its children at once, as a machine that fails would."""
        process, self.process = self.process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def check(self) -> None:
        assert self.process is None or self.process.poll() is None, f"{self.name} has ended:\n{self.text[-4000:]}"

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")


class House:
    """Programs on one database and one Valkey. ``url`` is the database's; Django's connection is turned to it."""

    def __init__(self, folder: Path, postgres: Postgres, url: str) -> None:
        self.folder = folder
        self.postgres = postgres
        self.url = url
        self.valkey = Valkey(folder)
        self.valkey.start()
        self.port = free_port()
        self.programs: list[Program] = []

    def start(self, name: str, arguments: str = "", **variables: str) -> Program:
        """Start one more process of the Procfile, with more arguments and variables than stand there."""
        var_dir = self.folder / f"var{len(self.programs)}"
        var_dir.mkdir()
        program = Program(name, arguments, {**self._environment(var_dir), **variables}, self.folder)
        self.programs.append(program)
        program.start()
        return program

    def start_worker(self) -> Program:
        """Start a worker with two processes; several of them are told apart by their names."""
        return self.start("worker", f"--hostname w{len(self.programs)}@%h", WORKER_PROCESSES="2")

    def _environment(self, var_dir: Path) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        changed = {
            "DATABASE_URL": self.url,
            "REDIS_URL": self.valkey.url,
            "VAR_DIR": str(var_dir),
            "PORT": str(self.port),
            "FLIGHT_SPEEDUP": str(SPEEDUP),
            "WEBHOOK_ALLOW_LOOPBACK": "1",
            "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms",
            "PATH": path,
        }
        return {**os.environ, **changed}

    def wait_until(self, is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Look again and again until it is so; fail when a program has ended, or when it takes too long."""
        deadline = time.monotonic() + patience_s
        while not is_so():
            for program in self.programs:
                program.check()
            assert time.monotonic() < deadline, self.last_words()
            time.sleep(POLL_S)

    @contextmanager
    def standstill(self, hold: LiteralString, waiting: str) -> Iterator[None]:
        """Take locks, again and again, and go on when a worker's statement waits for them amid its transaction.

        They are let go now and then: what they hold up may have to happen before somebody comes to that statement.
        """
        with psycopg.connect(self.url) as holder:
            let_go_at = time.monotonic() + HOLD_S

            def is_waiting() -> bool:
                nonlocal let_go_at
                holder.execute(hold)
                if self.n_waiting(waiting):
                    return True
                if time.monotonic() > let_go_at:
                    holder.rollback()
                    let_go_at = time.monotonic() + HOLD_S
                return False

            self.wait_until(is_waiting)
            yield
            holder.rollback()

    def n_waiting(self, statement: str) -> int:
        """How many statements with this text wait for locks."""
        with connection.cursor() as cursor:
            cursor.execute(WAITING, [f"%{statement}%"])
            return int(cursor.fetchone()[0])

    def lose_valkey(self) -> None:
        """Kill Valkey and delete all it had."""
        self.valkey.kill()
        shutil.rmtree(self.folder / "valkey")
        (self.folder / "valkey").mkdir(mode=0o700)

    def restart_postgres(self) -> None:
        """Stop PostgreSQL as an operator would, open transactions or not, and start it."""
        forget_connections()
        self.postgres.stop()
        self.postgres.start()

    def crash_postgres(self) -> None:
        """Have all of PostgreSQL end at once, without a word to its clients' transactions, and start it."""
        forget_connections()
        assert self.postgres.pid
        os.kill(self.postgres.pid, signal.SIGQUIT)
        self.wait_until(lambda: self.postgres.has_ended)
        self.postgres.start()

    def last_words(self) -> str:
        return "\n".join(f"--- {program.name}\n{program.text[-3000:]}" for program in self.programs)

    def close(self) -> None:
        """End everything that was started here."""
        for program in self.programs:
            program.kill()
        self.valkey.stop()


@contextmanager
def turned_to(url: str) -> Iterator[None]:
    """Turn Django's connection to another database for a while, which has signing keys of its own."""
    settings = connection.settings_dict
    before = dict(settings)
    forget_connections()
    signing_keys.known.forget()
    found = dj_database_url.parse(url)
    settings.update({**found, "OPTIONS": {**found.get("OPTIONS", {}), "pool": before["OPTIONS"]["pool"]}})
    try:
        yield
    finally:
        forget_connections()
        signing_keys.known.forget()
        settings.clear()
        settings.update(before)


def forget_connections() -> None:
    """Close this process's connections, the pooled ones too."""
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]
