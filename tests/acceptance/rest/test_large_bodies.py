"""Large bodies against the real server: an early answer arrives although nobody wants the body."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection

from tests import factories

MB = 1_000_000


@pytest.fixture
def server(committed_db: None) -> Iterator[str]:
    """The address of a web server on the test's database."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + str(connection.settings_dict["NAME"]))
    environ = {**os.environ, "DATABASE_URL": urlunsplit(database), "REDIS_URL": settings.REDIS_URL}
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", "1"]
    command += ["--blocking-threads", "2", "--log-level", "warning", "ops_console.wsgi:application"]
    process = subprocess.Popen(command, env=environ)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
            return
        time.sleep(0.1)
    raise TimeoutError("The server did not start.")


@pytest.fixture
def caller(server: str) -> Iterator[httpx.Client]:
    made = factories.credential()
    token = base64.b64encode(f"{made.auth_id}:{made.auth_key}".encode()).decode()
    base = f"{server}/pigeon/v1/{made.credential.account.username}"
    with httpx.Client(base_url=base, headers={"Authorization": f"Basic {token}"}, timeout=60) as client:
        yield client


def chunks(n_bytes: int) -> Iterator[bytes]:
    for _ in range(n_bytes // 50_000):
        yield b"x" * 50_000


def post(client: httpx.Client, path: str, content: Any, **headers: str) -> httpx.Response:
    return client.post(path, content=content, headers={"Content-Type": "application/json", **headers})


def assert_problem(response: httpx.Response, status: int) -> None:
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")


def test_the_answer_arrives_although_the_body_is_not_wanted(caller: httpx.Client) -> None:
    for n_bytes in (3 * MB, 20 * MB):
        body = b"x" * n_bytes
        assert_problem(post(caller, "/quotes", body), 413)
        assert_problem(post(caller, "/quotes", chunks(n_bytes)), 413)
        assert_problem(post(caller, "/quotes", body, **{"Idempotency-Key": "k"}), 413)
        assert_problem(post(caller, "/quotes", body, Authorization=""), 401)
        assert_problem(post(caller, "/nothing", body), 404)
        assert_problem(caller.put("/quotes", content=body), 405)
    small = post(caller, "/quotes", iter([b'{"surp', b'rise": 1}']))
    assert_problem(small, 400)
    assert "/surprise" in {fault["pointer"] for fault in small.json()["errors"]}


def test_a_body_without_end_is_cut(caller: httpx.Client) -> None:
    started = time.monotonic()
    with contextlib.suppress(httpx.TransportError):
        post(caller, "/quotes", b"x" * 100 * MB)
    assert time.monotonic() - started < 30
    assert_problem(post(caller, "/quotes", b"{"), 400)
