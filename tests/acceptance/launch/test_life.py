"""A console starts, stops and is killed, as real processes."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from functools import partial

import pytest

from tests.acceptance.launch.consoles import START_S, STOP_S, Console, Witness, descendants, wait_until_gone
from tests.acceptance.launch.secured import assert_both_ports_speak_tls

NewConsole = Callable[..., Console]
MODEL = "from ops_console.organizations.models import Organization"
MAKE = MODEL + "; Organization.objects.create(name='Loft {0}')"
NAMES = MODEL + "; print(*Organization.objects.values_list('name', flat=True).order_by('name'), sep=', ')"
AUTHENTICATE = "from django.contrib.auth import authenticate; print(authenticate(email='{0}', password='{1}'))"
FORGET_HEARTBEAT = "from ops_console.launch import forget_heartbeat; forget_heartbeat()"
PROGRAMS = ("bin/postgres", "valkey-server", "granian", "rungrpc", "ops_console worker", "ops_console beat")


def test_a_console_leaves_nothing_running_and_keeps_its_data(prepared_console: NewConsole) -> None:
    console = prepared_console().start()
    sign_in = sign_in_of(console)
    said = console.python_says(f"{MAKE.format('before a stop')}; {AUTHENTICATE.format(*sign_in)}")
    assert said == sign_in[0]
    stop(console, signal.SIGTERM)

    console.variables["TLS"] = "1"
    console.start()
    assert sign_in_of(console) == sign_in
    assert_both_ports_speak_tls(console)
    console.python_says(MAKE.format("before a kill"))
    running = processes_of(console)
    console.signal(signal.SIGKILL)
    wait_until_gone(running)
    assert console.python_says(NAMES) == "Loft before a kill, Loft before a stop"


@pytest.mark.faults
def test_a_console_ends_when_the_keeper_of_its_processes_is_killed(used_console: NewConsole) -> None:
    console = used_console().start()
    running = processes_of(console)
    kill(running, "ops_console.processes")
    assert console.process
    assert console.process.wait(STOP_S) == 1
    wait_until_gone(running)
    assert "so all were stopped" in console.text


@pytest.mark.faults
def test_a_console_starts_its_processes_again_when_they_are_killed(used_console: NewConsole) -> None:
    console = used_console().start()
    for name in ("granian", "ops_console worker", "ops_console beat"):
        running = processes_of(console)
        killed = kill(running, name)
        console.wait_until(partial(is_back, console, killed, running), START_S)
    assert console.text.count("has ended. Starting it again ...") == 3
    console.python_says(FORGET_HEARTBEAT)
    console.wait_until(lambda: console.is_ready, START_S)
    stop(console, signal.SIGTERM)


@pytest.mark.faults
def test_a_console_starts_its_servers_again_when_they_are_killed(used_console: NewConsole) -> None:
    console = used_console().start()
    console.python_says(MAKE.format("committed"))
    running = processes_of(console)
    kill(running, "postgres -D")
    kill(running, "valkey-server")
    console.wait_until(lambda: console.text.count("Starting it again") == 2 and console.is_ready, START_S)
    assert "Loft committed" in console.python_says(NAMES)
    stop(console, signal.SIGINT)


@pytest.mark.faults
def test_a_console_ends_with_the_make_that_started_it(used_console: NewConsole) -> None:
    started_by = '"$0" -m ops_console.launch --stop-with-parent; true'
    console = used_console(command=["/bin/sh", "-c", started_by, sys.executable])
    running = processes_of(console.start())
    console.signal(signal.SIGKILL)
    wait_until_gone(running)


def kill(running: list[Witness], name: str) -> Witness:
    """Kill the first process, parents before children, whose command holds the name."""
    found = next(each for each in running if name in each.command)
    os.kill(found.pid, signal.SIGKILL)
    return found


def is_back(console: Console, killed: Witness, running: list[Witness]) -> bool:
    assert console.process
    new = set(descendants(console.process.pid)) - set(running)
    return any(each.command == killed.command for each in new)


def processes_of(console: Console) -> list[Witness]:
    assert console.process
    found = descendants(console.process.pid)
    for name in PROGRAMS:
        assert any(name in each.command for each in found), name
    return found


def sign_in_of(console: Console) -> tuple[str, str]:
    found = re.search(r"Sign in +(\S+) +password (\S+)", console.text)
    assert found
    return found[1], found[2]


def stop(console: Console, number: signal.Signals) -> None:
    """Stop the console as a person would, and see that it stops cleanly."""
    running = processes_of(console)
    assert console.signal(number) == 0
    wait_until_gone(running)
    assert console.text.rstrip().endswith("Stopped.")
