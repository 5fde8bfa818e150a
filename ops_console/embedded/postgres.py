"""The embedded PostgreSQL: reachable through a socket in a closed folder, never through the network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from ops_console.embedded.place import Place, find_place, make_folder, make_socket_folder
from ops_console.embedded.server import Server, clean_environment
from ops_console.leash import leashed
from ops_console.var_dir import CannotStart

DATABASE = "ops_console"
OWNER = "postgres"
# Names the socket's file; said on both sides because PGPORT in the environment may say otherwise.
PORT = 5432
DEFAULTS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """PostgreSQL over one ``VAR_DIR``. ``settings`` override its configuration. Started again, it keeps its URL."""

    name = "PostgreSQL"

    def __init__(self, var_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.place: Place = find_place(var_dir)
        self._settings = {**DEFAULTS, **(settings or {})}
        self._data = self.place.folder / "postgres"
        self._socket: Path | None = None
        self._server = Server(
            name=self.name,
            folder=self.place.folder,
            user=self.place.user,
            stop_signals=[signal.SIGINT, signal.SIGQUIT],
        )

    @property
    def pid(self) -> int | None:
        """The postmaster's process number while it runs."""
        return self._server.pid

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended without being told to."""
        return self._server.has_ended

    def start(self) -> str:
        """Start the server, making its files first if need be, and return the database's URL. Raises: CannotStart."""
        lock = self._server.lock()
        try:
            self._make_data()
            # Nobody holds the lock, so a pid file left here is a dead server's.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            self._socket = self._socket or make_socket_folder(self.place.folder, user=self.place.user)
            for left_over in self._socket.glob(".s.PGSQL.*"):
                left_over.unlink()
            self._server.run(self._command(), lock=lock, is_ready=self._answers)
        finally:
            os.close(lock)
        self._make_database()
        return self.url(DATABASE)

    def url(self, database: str) -> str:
        """The URL of a database of this server."""
        return f"postgres://{OWNER}@:{PORT}/{database}?host={quote(str(self._socket), safe='')}"

    def stop(self) -> None:
        """Stop the server cleanly: open transactions are rolled back, everything committed is on disk."""
        self._server.stop()
        self._remove_socket_folder()
        self._socket = None

    def _command(self) -> list[str]:
        quoted = str(self._socket).replace('"', '""')
        command = [str(self.place.programs / "postgres"), "-D", str(self._data)]
        for name, value in {**self._settings, "unix_socket_directories": f'"{quoted}"'}.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _make_data(self) -> None:
        """Run initdb beside the final place, so that one that was killed leaves nothing half made."""
        if self._data.exists():
            return
        unfinished = self._data.with_name("postgres-unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_folder(unfinished, user=self.place.user)
        command = [str(self.place.programs / "initdb"), "-D", str(unfinished), "--username", OWNER, "--auth", "trust"]
        command += ["--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(  # noqa: S603 - our own programs and arguments
            leashed(command, on_parent_death=signal.SIGKILL, user=self.place.user),
            capture_output=True,
            text=True,
            cwd="/",
            env=clean_environment(),
            check=False,
        )
        if done.returncode != 0:
            raise CannotStart(f"PostgreSQL's files could not be made in {self._data}: {_last_line(done.stderr)}")
        unfinished.rename(self._data)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _remove_socket_folder(self) -> None:
        if self._socket is not None and self._socket.parent != self.place.folder:
            shutil.rmtree(self._socket, ignore_errors=True)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it says nothing"
