"""Databases as ``make run`` leaves them before the demo: migrated, with all places. Made once a run, then copied."""

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

from ops_console.embedded import Postgres
from ops_console.embedded.place import find_place
from ops_console.var_dir import PROJECT, VarDir


def copy_database(url: str, name: str) -> None:
    """Make the database of that name anew, on the server that ``url`` leads to."""
    original = template_of(url)
    with only_one_at_a_time("template") as marker, psycopg.connect(url, autocommit=True) as admin:
        if not marker.exists():
            make_anew(admin, original)
            leads_there = urlsplit(url)._replace(path=f"/{original}").geturl()
            prepare(leads_there)
            empty_audit_trail(leads_there)
            marker.touch()
        make_anew(admin, name, original)


def empty_audit_trail(url: str) -> None:
    """Take out that the places were loaded: a test begins with no entry."""
    with psycopg.connect(url) as connection:
        # Puts the triggers to sleep that keep the trail.
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM audit_auditentry")
        connection.execute("DELETE FROM audit_auditchain")


def put_data(var_dir: Path) -> None:
    """Give a folder that has no PostgreSQL yet the data of one."""
    with only_one_at_a_time("data") as marker:
        original = marker.with_name("prepared")
        if not marker.exists():
            make_data(original)
            marker.touch()
    VarDir(var_dir).make()
    source, target = (find_place(folder).folder / "postgres" for folder in (original, var_dir))
    # Its files are another user's.
    subprocess.run(["cp", "-a", source, target], check=True)


def make_data(var_dir: Path) -> None:
    VarDir(var_dir).make()
    postgres = Postgres(var_dir, settings={"fsync": "off", "full_page_writes": "off"})
    try:
        prepare(postgres.start(), VAR_DIR=str(var_dir))
    finally:
        postgres.stop()


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
