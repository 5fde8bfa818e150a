"""Embedded servers and web processes for the length of a measurement, with the settings production has."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from ops_console.embedded import Postgres, Valkey

EMPTY: Mapping[str, str] = {}
POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "100"}


@contextmanager
def databases() -> Iterator[None]:
    """Run PostgreSQL and Valkey in a temporary folder and name them in the environment."""
    var_dir = Path(tempfile.mkdtemp(prefix="pigeon-bench-"))
    var_dir.chmod(0o711)
    postgres, valkey = Postgres(var_dir, settings=POSTGRES), Valkey(var_dir)
    try:
        os.environ.update(
            DATABASE_URL=postgres.start(),
            REDIS_URL=valkey.start(),
            VAR_DIR=str(var_dir),
            SECRET_KEY="bench-only-secret-key-that-opens-nothing-anywhere",
            PUBLIC_URL="http://localhost",
            DJANGO_SETTINGS_MODULE="ops_console.settings",
        )
        yield
    finally:
        valkey.stop()
        postgres.stop()
        for folder in {var_dir, postgres.place.folder}:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class WebServer:
    port: int
    # Of the process whose children serve.
    pid: int


@contextmanager
def web(application: str, *, workers: int = 2, threads: int = 4) -> Iterator[int]:
    """Serve a WSGI application as the Procfile does; give the port."""
    with web_server(application, workers=workers, threads=threads) as server:
        yield server.port


@contextmanager
def web_server(
    application: str, *, workers: int = 2, threads: int = 4, environment: Mapping[str, str] = EMPTY
) -> Iterator[WebServer]:
    """Serve a WSGI application as the Procfile does, with more in its environment."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", str(threads), "--log-level", "warning", application]
    server = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_answers(port)
        yield WebServer(port, server.pid)
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def native(*, processes: int = 2, threads: int = 4) -> Iterator[int]:
    """Serve native gRPC as the Procfile does; give the port."""
    port = free_port()
    command = [sys.executable, "manage.py", "rungrpc", "--processes", str(processes), "--grace", "1"]
    environment = {**os.environ, "GRPC_PORT": str(port), "GRPC_THREADS": str(threads)}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(30)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(port: int) -> None:
    """Wait for an answer of any status.

    Raises:
        TimeoutError: there is none within 30 seconds.
    """
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("The web server does not answer.")
