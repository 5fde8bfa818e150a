"""Real servers on the test's database."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import grpc
import httpx
from django.conf import settings
from django.db import connection

from ops_console.var_dir import PROJECT

NOTHING: Mapping[str, str] = {}
# Generous: the machine may have other things to do.
START_S = 120.0


@contextmanager
def web_server(
    environ: Mapping[str, str] = NOTHING,
    *,
    n_workers: int = 1,
    n_threads: int = 2,
    log: Path | None = None,
    **more: str,
) -> Iterator[str]:
    """Run granian on loopback, on what the test has committed; give its address."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
    command += [
        "--workers",
        str(n_workers),
        "--blocking-threads",
        str(n_threads),
        "--log-level",
        "warning",
        "ops_console.wsgi:application",
    ]
    with _running(command, {**environ, **more}, log):
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def native_server(
    environ: Mapping[str, str] = NOTHING,
    *,
    grace_s: float = 30,
    n_processes: int = 1,
    log: Path | None = None,
    **more: str,
) -> Iterator[NativeProcess]:
    """Run ``manage.py rungrpc`` on loopback, on what the test has committed."""
    port = int(environ.get("GRPC_PORT") or free_port())
    command = [sys.executable, str(PROJECT / "manage.py"), "rungrpc", "--grace", str(grace_s)]
    command += ["--processes", str(n_processes)]
    with _running(command, {**environ, **more, "GRPC_PORT": str(port)}, log) as process:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(START_S)
        yield NativeProcess(f"127.0.0.1:{port}", process)


@dataclass(frozen=True)
class NativeProcess:
    """A grpc process, and where it listens."""

    address: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def _running(command: list[str], environ: Mapping[str, str], log: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + str(connection.settings_dict["NAME"]))
    own = {"DATABASE_URL": urlunsplit(database), "REDIS_URL": settings.REDIS_URL}
    with log.open("ab") if log else nullcontext() as output:
        process = subprocess.Popen(command, env={**os.environ, **own, **environ}, cwd=PROJECT, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
            return
        time.sleep(0.1)
    raise TimeoutError("The server did not start.")
