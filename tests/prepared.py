"""The database that those of the tests are copies of: migrated, with all places. Made once a run, by who asks first."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from ops_console.var_dir import PROJECT


def copy_database(url: str, name: str) -> None:
    """Make the database of that name anew, on the server that ``url`` leads to."""
    original = template_of(url)
    with only_one_at_a_time("template") as marker, psycopg.connect(url, autocommit=True) as admin:
        if not marker.exists():
            make_anew(admin, original)
            prepare(urlsplit(url)._replace(path=f"/{original}").geturl())
            marker.touch()
        make_anew(admin, name, original)


def template_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/") + "_template"


def drop_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def make_anew(admin: psycopg.Connection, name: str, original: str = "template1") -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(original)))


def prepare(url: str, **environ: str) -> None:
    """Bring the database up to what ``make run`` needs, without the demo."""
    done = subprocess.run(
        [sys.executable, "-m", "ops_console.prepare"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": url, **environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def only_one_at_a_time(name: str) -> Iterator[Path]:
    """Let one process of the run in after the other; give the path of a file by which they know what is done."""
    folder = Path(os.environ["VAR_DIR"])
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / f"{name}.done"
