"""A console runs as root where others may not enter, and as an ordinary user."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops_console.embedded.place import FALLBACK, fallback_folder
from ops_console.var_dir import PROJECT
from tests.acceptance.launch.consoles import Console, descendants, wait_until_gone
from tests.programs import cannot_run

NewConsole = Callable[..., Console]
ORDINARY = "nobody"
NOT_THE_PROJECT = shutil.ignore_patterns(".*", "var", "node_modules", "__pycache__", "results")
NOT_THE_LIBRARY = shutil.ignore_patterns("test", "site-packages", "__pycache__", "config-*", "idlelib")

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else"),
]


@pytest.fixture
def clone(folder: Path) -> Path:
    """The project in the folder, in one of its own whose parent can be closed."""
    return Path(shutil.copytree(PROJECT, folder / "parent" / "a clone", ignore=NOT_THE_PROJECT))


@pytest.fixture
def closed(clone: Path) -> Iterator[Path]:
    """The same, with its folder closed to everybody but root."""
    clone.parent.chmod(0o700)
    yield clone
    shutil.rmtree(fallback_folder(clone / "var"), ignore_errors=True)


def test_root_in_a_closed_folder(new_console: NewConsole, closed: Path) -> None:
    console = new_console(var_dir=closed / "var", project=closed).start()
    place = json.loads((console.var_dir / "run.json").read_text())["data"]
    assert place.startswith(str(FALLBACK))
    assert place in console.text
    assert closed.parent.stat().st_mode & 0o777 == 0o700
    assert Path(place, "postgres").stat().st_mode & 0o777 == 0o700
    assert console.process
    running = descendants(console.process.pid)
    assert console.signal(signal.SIGTERM) == 0
    wait_until_gone(running)


def test_an_ordinary_user(new_console: NewConsole, clone: Path, folder: Path) -> None:
    python, variables = python_for(ORDINARY, folder)
    entry = pwd.getpwnam(ORDINARY)
    for path in [clone.parent, clone, *clone.rglob("*")]:
        os.chown(path, entry.pw_uid, entry.pw_gid)
    theirs = {"project": clone, "python": python, "user": ORDINARY, "variables": variables}
    console = new_console(var_dir=clone / "var", **theirs).start()
    assert console.process
    running = descendants(console.process.pid)
    assert {Path(f"/proc/{each.pid}").stat().st_uid for each in running} == {entry.pw_uid}
    assert console.signal(signal.SIGTERM) == 0
    wait_until_gone(running)


def python_for(user: str, folder: Path) -> tuple[str, dict[str, str]]:
    """A copy of this Python that the user may run, with the libraries this one has."""
    version = f"python3.{sys.version_info.minor}"
    python = folder / "python" / "bin" / "python"
    python.parent.mkdir(parents=True)
    shutil.copy(Path(sys.base_prefix, "bin", version), python)
    for shared in Path(sys.base_prefix, "lib").glob("libpython*"):
        shutil.copy(shared, python.parent)
    library = python.parent.parent / "lib" / version
    shutil.copytree(Path(sys.base_prefix, "lib", version), library, ignore=NOT_THE_LIBRARY, symlinks=True)
    (library / "site-packages").mkdir(exist_ok=True)
    (library / "site-packages" / "shared.pth").write_text(sysconfig.get_path("purelib"))
    environment = {"LD_LIBRARY_PATH": str(python.parent)}
    command = [str(python), "-c", "import django"]
    if subprocess.run(command, user=user, extra_groups=[], env=environment, capture_output=True).returncode != 0:
        cannot_run(f"user {user} may not run Python here")
    return str(python), environment
