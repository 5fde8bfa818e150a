"""Who runs the embedded servers: the console, or a management command for its own length."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ops_console.embedded.postgres import Postgres
from ops_console.embedded.valkey import Valkey
from ops_console.listening import default_public_url
from ops_console.var_dir import CannotStart, Running, VarDir, is_set, var_dir, write_private

# How long another process may take from claiming VAR_DIR to running its servers, initdb included.
PATIENCE_S = 60.0
SECRETS = "secrets.json"
# Commands that ask the database nothing; the settings want these variables all the same.
WITHOUT_SERVERS = frozenset({"", "help", "version", "--help", "-h", "--version", "check"})
PLACEHOLDERS = {"DATABASE_URL": "postgres:///none", "REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": "unused"}
PLACEHOLDERS |= {"PUBLIC_URL": "http://localhost"}


@dataclass
class EmbeddedServers:
    """The servers that run, the variables to set for them, and the folder of the database if it is one of them."""

    variables: dict[str, str]
    data: Path | None = None
    running: list[Postgres | Valkey] = field(default_factory=list)

    def revive(self, report: Callable[[str], None]) -> None:
        """Start again each server that has ended; its URL stays. Raises: CannotStart."""
        for server in self.running:
            if server.has_ended:
                report(server.name)
                server.start()


@contextmanager
def embedded_servers(folder: Path, report: Callable[[str], None]) -> Iterator[EmbeddedServers]:
    """Run the servers that no variable names, for as long as the context lasts. Raises: CannotStart."""
    url = os.environ.get("PUBLIC_URL") or default_public_url()
    servers = EmbeddedServers(variables={**_secrets(folder), "VAR_DIR": str(folder), "PUBLIC_URL": url})
    with ExitStack() as stack:
        if not is_set("DATABASE_URL"):
            report(Postgres.name)
            postgres = Postgres(folder)
            stack.callback(postgres.stop)
            servers.variables |= {"DATABASE_URL": postgres.start(), "DEMO": os.environ.get("DEMO", "1")}
            servers.data = postgres.place.folder
            servers.running.append(postgres)
        if not is_set("REDIS_URL"):
            report(Valkey.name)
            valkey = Valkey(folder)
            stack.callback(valkey.stop)
            servers.variables["REDIS_URL"] = valkey.start()
            servers.running.append(valkey)
        yield servers


@contextmanager
def servers_for_command(arguments: Sequence[str]) -> Iterator[None]:
    """Attach a management command to the servers that run, or run them until it ends. Raises: CannotStart."""
    if _needs_no_servers(arguments):
        for name, value in PLACEHOLDERS.items():
            os.environ.setdefault(name, value)
        yield
        return
    home = var_dir()
    home.make()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        if home.claim():
            with _own_servers(home):
                yield
            return
        with home.guests(is_owner=False):
            running = home.running()
            if running is not None:
                _join(running)
                yield
                return
        if time.monotonic() > deadline:
            raise CannotStart(f"Another process has been starting on {home.path} for {PATIENCE_S:.0f} s: end it first.")
        time.sleep(0.1)


@contextmanager
def _own_servers(home: VarDir) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(home.release)
        servers = stack.enter_context(embedded_servers(home.path, lambda name: None))
        data = str(servers.data or "")
        running = Running(pid=os.getpid(), is_console=False, environment=servers.variables, data=data)
        home.publish(running)
        _join(running)
        # Other commands may have joined in the meantime: the servers stay until those have ended.
        stack.enter_context(_last_to_leave(home))
        yield


@contextmanager
def _last_to_leave(home: VarDir) -> Iterator[None]:
    try:
        yield
    finally:
        with home.guests(is_owner=True):
            home.withdraw()


def _join(running: Running) -> None:
    for name, value in running.environment.items():
        if not is_set(name):
            os.environ[name] = value


def _needs_no_servers(arguments: Sequence[str]) -> bool:
    command = arguments[1] if len(arguments) > 1 else ""
    return command in WITHOUT_SERVERS or not {"--help", "-h"}.isdisjoint(arguments)


def _secrets(folder: Path) -> dict[str, str]:
    """The secrets of this installation, made once; those the environment sets are left out."""
    file = folder / SECRETS
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    wanted = {"SECRET_KEY": secrets.token_urlsafe(48), "METRICS_TOKEN": secrets.token_urlsafe(24)}
    if not wanted.keys() <= known.keys():
        known = {**wanted, **known}
        write_private(file, json.dumps(known, indent=1) + "\n")
    return {name: known[name] for name in wanted if not is_set(name)}
