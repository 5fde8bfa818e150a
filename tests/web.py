"""A real web server on the test's database."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.conf import settings
from django.db import connection


@contextmanager
def web_server(**environ: str) -> Iterator[str]:
    """Run granian on loopback, on what the test has committed; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + str(connection.settings_dict["NAME"]))
    own = {"DATABASE_URL": urlunsplit(database), "REDIS_URL": settings.REDIS_URL}
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", "1"]
    command += ["--blocking-threads", "2", "--log-level", "warning", "ops_console.wsgi:application"]
    process = subprocess.Popen(command, env={**os.environ, **own, **environ})
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
            return
        time.sleep(0.1)
    raise TimeoutError("The server did not start.")
