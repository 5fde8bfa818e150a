"""``VAR_DIR``: what this installation keeps on disk, and who runs its servers now."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


class CannotStart(Exception):
    """Why something cannot start, in one sentence that says what to do."""


@dataclass(frozen=True)
class Running:
    """What ``run.json`` tells: who runs, the variables to set to join in, and the folder of the database's files."""

    pid: int
    is_console: bool
    environment: dict[str, str]
    data: str


class VarDir:
    """One ``VAR_DIR`` on disk. One process owns it at a time; others may attach to what the owner runs."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._owner: int | None = None

    def make(self) -> None:
        """Make the folder if need be; others may pass through it, as PostgreSQL's user must. Raises: CannotStart."""
        try:
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            os.close(os.open(self.path / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise CannotStart(
                f"Cannot write to {self.path} ({error.strerror}): make it yours, or set VAR_DIR to a folder that is."
            ) from None

    def claim(self) -> bool:
        """Become the owner, unless there is one. Ownership ends with the process, however it ends."""
        descriptor = os.open(self.path / "owner.lock", os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._owner = descriptor
        self._run_file.unlink(missing_ok=True)
        return True

    def release(self) -> None:
        """Stop being the owner."""
        self.withdraw()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def publish(self, running: Running) -> None:
        """Tell others what this process, the owner, runs."""
        write_private(self._run_file, json.dumps(asdict(running), indent=1) + "\n")

    def withdraw(self) -> None:
        """Tell others that what this process runs is about to end."""
        self._run_file.unlink(missing_ok=True)

    def running(self) -> Running | None:
        """What the owner published, if anything."""
        try:
            return Running(**json.loads(self._run_file.read_text()))
        except FileNotFoundError:
            return None

    @contextmanager
    def guests(self, *, is_owner: bool) -> Iterator[None]:
        """Hold off an owner that waits for its guests: guests share this lock, the owner takes it alone."""
        descriptor = os.open(self.path / "guests.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if is_owner else fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    @property
    def _run_file(self) -> Path:
        return self.path / "run.json"


def is_set(name: str) -> bool:
    """Whether the environment sets the variable, itself or through ``NAME_FILE``."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def var_dir() -> VarDir:
    """The ``VAR_DIR`` of the environment, ``var`` beside ``manage.py`` by default."""
    return VarDir(Path(os.environ.get("VAR_DIR") or PROJECT / "var"))


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step, readable by its owner only."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
