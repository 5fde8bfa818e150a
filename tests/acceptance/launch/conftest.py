from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.launch.consoles import Console


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name holds a space; unlike pytest's own, every user may enter it."""
    made = Path(tempfile.mkdtemp(prefix="pigeon tests "))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def new_console(folder: Path) -> Iterator[Callable[..., Console]]:
    """Make consoles in the folder; those still running are stopped at the end."""
    made: list[Console] = []

    def make(**fields: Any) -> Console:
        console = Console(**{"var_dir": folder / "var", **fields})
        made.append(console)
        return console

    yield make
    for console in made:
        if console.process and console.process.poll() is None:
            console.process.terminate()
            console.process.wait()
