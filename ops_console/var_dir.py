"""``VAR_DIR``: what this installation keeps on disk, and who is using it."""

from __future__ import annotations

import os
from pathlib import Path


class CannotStart(Exception):
    """Why something cannot start, in one sentence that says what to do."""


def write_private(path: Path, text: str) -> None:
    """Replace the file, readable by its owner only, in one step."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
