"""The embedded servers over real files: after a crash, after a start that was cut short, beside each other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from ops_console.embedded import Postgres, Valkey
from ops_console.embedded.place import fallback_folder
from ops_console.embedded.server import Server
from ops_console.var_dir import CannotStart


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pigeon 'tests' "))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)
    shutil.rmtree(fallback_folder(made), ignore_errors=True)


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder, settings={"fsync": "off"})
    yield server
    server.stop()


@pytest.fixture
def valkey(folder: Path) -> Iterator[Valkey]:
    server = Valkey(folder)
    yield server
    server.stop()


def kill(pid: int | None) -> None:
    assert pid
    os.kill(pid, signal.SIGKILL)


def test_postgres_keeps_what_was_committed_before_a_crash(postgres: Postgres) -> None:
    url = postgres.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    kill(postgres.pid)
    while not postgres.has_ended:
        time.sleep(0.01)
    assert postgres.start() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_postgres_starts_although_its_pid_file_names_a_living_process(postgres: Postgres) -> None:
    postgres.start()
    postgres.stop()
    data = postgres.place.folder / "postgres"
    with subprocess.Popen(["sleep", "60"], user=postgres.place.user) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n0\n5432\n")
        with psycopg.connect(postgres.start()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        stranger.kill()


def test_postgres_makes_its_files_anew_when_that_was_cut_short(postgres: Postgres) -> None:
    unfinished = postgres.place.folder / "postgres-unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with psycopg.connect(postgres.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not unfinished.exists()


def test_postgres_runs_in_a_folder_with_a_comma(folder: Path) -> None:
    (folder / "a, b").mkdir()
    (folder / "a, b").chmod(0o711)
    server = Postgres(folder / "a, b", settings={"fsync": "off"})
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.stop()
    shutil.rmtree(fallback_folder(folder / "a, b"), ignore_errors=True)


def test_postgres_is_closed_to_others(postgres: Postgres) -> None:
    with psycopg.connect(postgres.start()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    for name in ("postgres", "socket"):
        assert (postgres.place.folder / name).stat().st_mode & 0o777 == 0o700


def test_valkey_keeps_its_address_and_data_over_a_crash(valkey: Valkey) -> None:
    url = valkey.start()
    with redis.Redis.from_url(url) as client:
        client.set("kept", 1)
    valkey.kill()
    assert valkey.start() == url
    with redis.Redis.from_url(url) as client:
        assert client.get("kept") == b"1"


def test_valkey_asks_for_a_password_that_only_its_owner_can_read(valkey: Valkey, folder: Path) -> None:
    url = valkey.start()
    stranger = redis.Redis.from_url(f"redis://{url.rpartition('@')[2]}")
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert (folder / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
    assert url.split("@")[0].removeprefix("redis://:") not in Path(f"/proc/{valkey.pid}/cmdline").read_text()


def test_no_second_server_starts_on_the_same_files(
    valkey: Valkey, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops_console.embedded.server.PATIENCE_S", 0.2)
    valkey.start()
    with pytest.raises(CannotStart, match="Another Valkey still uses"):
        Valkey(folder).start()


def test_a_server_that_fails_to_start_tells_its_last_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(name="Thing", folder=folder, user=None, stop_signals=[signal.SIGTERM])
    lock = server.lock()
    with pytest.raises(CannotStart, match=r"Thing did not start; its log .*thing.log says: no such luck"):
        server.run(["/bin/sh", "-c", "echo no such luck; exit 3"], lock=lock, is_ready=lambda: False)
    os.close(lock)
