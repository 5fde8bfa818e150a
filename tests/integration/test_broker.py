"""The link to Valkey, over a Valkey that is killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Consumer, Queue
from kombu.common import ignore_errors

from ops_console.celery import app
from ops_console.embedded import Valkey

PATIENCE_S = 30


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    folder = Path(tempfile.mkdtemp(prefix="pigeon-broker-"))
    folder.chmod(0o711)
    server = Valkey(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


def listen(connection: Connection) -> list[Any]:
    """Listen as a worker does, to rings and to its remote control; return what it hears, and does not acknowledge."""
    heard: list[Any] = []
    channel = connection.default_channel
    Consumer(channel, [Queue("celery", channel=channel)], on_message=heard.append).consume()
    app.control.mailbox.Node("worker@here", channel=connection.channel()).listen()  # type: ignore[attr-defined]
    return heard


def wait_for_a_ring(connection: Connection, heard: list[Any]) -> None:
    for _ in range(PATIENCE_S):
        with suppress(TimeoutError):
            connection.drain_events(timeout=1)
        if heard:
            break
    # It listens on.
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.1)


def test_a_ring_under_way_does_not_end_the_worker_when_valkey_dies(valkey: Valkey) -> None:
    with app.connection_for_write(valkey.url) as bell:
        app.send_task("messages.tasks.dispatch", connection=bell)
    connection = app.connection_for_read(valkey.url)
    heard = listen(connection)
    wait_for_a_ring(connection, heard)
    assert len(heard) == 1
    valkey.kill()
    # What the worker does when its remote control is the first to see it; an error of another kind ends it.
    with suppress(*connection.connection_errors):
        connection.collect(socket_timeout=1)
    ignore_errors(connection, connection.close)


def test_workers_and_beat_never_give_up_on_valkey() -> None:
    assert app.conf.broker_connection_max_retries is None
