"""A console that cannot start says why in one sentence, and exits with 1."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest

from ops_console.var_dir import Running, VarDir
from tests.acceptance.launch.consoles import Console, free_port

NewConsole = Callable[..., Console]


@pytest.mark.parametrize("variable", ["PORT", "GRPC_PORT"])
def test_a_port_in_use(new_console: NewConsole, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = new_console(variables={variable: str(taken.getsockname()[1])}).refusal()
    assert said.startswith("Cannot listen on 127.0.0.1:")
    assert "\n" not in said
    assert f"choose another port with {variable}." in said


def test_one_port_for_both(new_console: NewConsole) -> None:
    port = str(free_port())
    said = new_console(variables={"PORT": port, "GRPC_PORT": port}).refusal()
    assert said == f"PORT and GRPC_PORT are both {port}: each needs one of its own."


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none(new_console: NewConsole, port: str) -> None:
    said = new_console(variables={"PORT": port}).refusal()
    assert said == f"PORT is {port!r}: set it to a number from 1 to 65535."


def test_a_database_out_of_reach(new_console: NewConsole) -> None:
    nowhere = f"postgres://somebody:a-secret@127.0.0.1:{free_port()}/db"
    variables = {"DATABASE_URL": nowhere, "REDIS_URL": os.environ["REDIS_URL"], "SECRET_KEY": "a-key"}
    said = new_console(variables={**variables, "PUBLIC_URL": "https://console.example"}).refusal()
    assert said.startswith("Cannot reach the database: check DATABASE_URL.")
    assert "\n" not in said
    assert "a-secret" not in said


def test_a_broker_out_of_reach(new_console: NewConsole) -> None:
    nowhere = f"redis://:a-secret@127.0.0.1:{free_port()}/0"
    variables = {"DATABASE_URL": os.environ["DATABASE_URL"], "REDIS_URL": nowhere, "SECRET_KEY": "a-key"}
    said = new_console(variables={**variables, "PUBLIC_URL": "https://console.example"}).refusal()
    assert said.startswith("Cannot reach Valkey or Redis: check REDIS_URL.")
    assert "\n" not in said
    assert "a-secret" not in said


def test_a_missing_secret_where_the_servers_are_not_ours(new_console: NewConsole) -> None:
    variables = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    console = new_console(variables=variables)
    said = console.refusal()
    assert said.startswith("SECRET_KEY is not set")
    assert "\n" not in said
    assert not (console.var_dir / "secrets.json").exists()
    assert not (console.var_dir / "postgres").exists()


@pytest.mark.parametrize(("is_console", "sentence"), [(True, "already running"), (False, "management command")])
def test_somebody_is_running_there_already(new_console: NewConsole, is_console: bool, sentence: str) -> None:
    console = new_console()
    home = VarDir(console.var_dir)
    home.make()
    assert home.claim()
    home.publish(Running(pid=os.getpid(), is_console=is_console, environment={"PUBLIC_URL": "http://there"}, data=""))
    said = console.refusal()
    home.release()
    assert sentence in said
    assert "\n" not in said
    assert str(os.getpid()) in said


def test_a_folder_that_cannot_be_written(new_console: NewConsole) -> None:
    console = new_console()
    console.var_dir.write_text("a file, where a folder should be")
    said = console.refusal()
    assert said.startswith(f"Cannot write to {console.var_dir}")
    assert "\n" not in said
