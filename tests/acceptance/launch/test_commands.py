"""Management commands on a machine without servers: they join those that run, or run some for their own length."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ops_console.var_dir import VarDir
from tests.acceptance.launch.consoles import START_S, Console

NewConsole = Callable[..., Console]
SELECT = "from django.db import connection as c; r = c.cursor().execute('select 1').fetchone()"


def test_a_second_command_joins_the_first_and_outlives_it(new_console: NewConsole) -> None:
    console = new_console()
    first = python(console, f"{SELECT}; print('first'); input(); print('done')")
    assert line_of(first) == "first\n"
    second = python(console, f"{SELECT}; print('second'); input(); {SELECT}; print(*r)")
    assert line_of(second) == "second\n"
    tell(first, "\n")
    assert line_of(first) == "done\n"
    # For the first to stop the servers, if it were to.
    time.sleep(0.5)
    assert second.communicate("\n", timeout=START_S)[0] == "1\n"
    assert first.communicate(timeout=START_S)[0] == ""
    assert second.returncode == first.returncode == 0
    assert not (console.var_dir / "run.json").exists()
    assert VarDir(console.var_dir).claim()


def test_a_command_runs_in_a_folder_with_a_long_path(new_console: NewConsole, folder: Path) -> None:
    var_dir = folder / ("a long name " * 8) / "Var"
    var_dir.parent.mkdir()
    assert new_console(var_dir=var_dir).python_says(f"{SELECT}; print(r)") == "(1,)"
    assert (var_dir / "postgres").exists()


def test_help_starts_no_servers(new_console: NewConsole) -> None:
    console = new_console()
    assert "migrate" in console.manage("help")
    assert "--fake" in console.manage("migrate", "--help")
    assert not console.var_dir.exists()


def python(console: Console, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code],
        cwd=console.project,
        env={**console.environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin
    process.stdin.write(text)
    process.stdin.flush()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()
