"""Several processes serve native gRPC on one port, and end together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.rpc.conftest import ENVIRON
from tests.waiting import wait_until
from tests.web import native_server


@pytest.fixture
def family(committed_db: None) -> Iterator[subprocess.Popen[bytes]]:
    with native_server(ENVIRON, grace_s=5, n_processes=2) as server:
        port = int(server.address.rpartition(":")[2])
        wait_until(lambda: [listens(pid, port) for pid in children_of(server.process)] == [True, True])
        yield server.process


def listens(pid: int, port: int) -> bool:
    """Whether the process holds a socket of that port; grpcio's take both kinds of addresses."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}
    with suppress(FileNotFoundError):
        return any(str(link.readlink()) in sockets for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_signal_ends_all(family: subprocess.Popen[bytes]) -> None:
    children = children_of(family)
    assert len(children) == 2
    family.send_signal(signal.SIGTERM)
    assert family.wait(60) == 0
    assert not any(is_alive(pid) for pid in children)


def test_none_stays_when_one_ends(family: subprocess.Popen[bytes]) -> None:
    children = children_of(family)
    os.kill(children[0], signal.SIGKILL)
    assert family.wait(60) == 1
    assert not any(is_alive(pid) for pid in children)


def test_none_outlives_the_command(family: subprocess.Popen[bytes]) -> None:
    children = children_of(family)
    family.kill()
    family.wait(60)
    wait_until(lambda: not any(is_alive(pid) for pid in children))
