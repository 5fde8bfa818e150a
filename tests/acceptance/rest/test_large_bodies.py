"""Large bodies against the real server: an early answer arrives although nobody wants the body."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import factories

MB = 1_000_000


@pytest.fixture
def caller(site: str, committed_db: None) -> Iterator[httpx.Client]:
    made = factories.credential()
    token = base64.b64encode(f"{made.auth_id}:{made.auth_key}".encode()).decode()
    base = f"{site}/pigeon/v1/{made.credential.account.username}"
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
