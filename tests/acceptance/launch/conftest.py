from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.launch.consoles import Console
from tests.prepared import put_data

NewConsole = Callable[..., Console]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name holds a space; unlike pytest's own, every user may enter it."""
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """The same with what a first start makes, shared by the tests of a module."""
    with open_folder() as made:
        put_data(made / "var")
        yield made


@pytest.fixture
def new_console(folder: Path) -> Iterator[NewConsole]:
    with consoles(folder) as make:
        yield make


@pytest.fixture
def prepared_console(folder: Path) -> Iterator[NewConsole]:
    """Consoles over what a first start makes."""
    put_data(folder / "var")
    with consoles(folder) as make:
        yield make


@pytest.fixture
def used_console(used_folder: Path) -> Iterator[NewConsole]:
    with consoles(used_folder) as make:
        yield make


@contextmanager
def open_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pigeon tests "))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@contextmanager
def consoles(folder: Path) -> Iterator[NewConsole]:
    """Make consoles in the folder; those still running are stopped at the end."""
    made: list[Console] = []

    def make(**fields: Any) -> Console:
        made.append(Console(**{"var_dir": folder / "var", **fields}))
        return made[-1]

    yield make
    for console in made:
        if console.process and console.process.poll() is None:
            console.process.terminate()
            console.process.wait()
