"""Management commands on a machine without servers: they join those that run, or run some for their own length."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ops_console.var_dir import VarDir
from tests.acceptance.launch.consoles import Console

NewConsole = Callable[..., Console]
SELECT = "from django.db import connection as c; r = c.cursor().execute('select 1').fetchone()"


def test_a_second_command_joins_the_first_and_outlives_it(new_console: NewConsole) -> None:
    console = new_console()
    first = python(console, f"import time; {SELECT}; time.sleep(2); print('first')")
    wait_for(console.var_dir / "run.json")
    second = python(console, f"import time; {SELECT}; time.sleep(4); {SELECT}; print('second', *r)")
    assert first.communicate(timeout=30)[0] == "first\n"
    assert second.communicate(timeout=30)[0] == "second 1\n"
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
        env=console.environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
