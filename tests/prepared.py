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
    make_template(url)
    with only_one_at_a_time("template"), psycopg.connect(url, autocommit=True) as admin:
        make_anew(admin, name, template_of(url))


def make_template(url: str) -> Path:
    """Make the database that others are copied from, if there is none; give the path of what was dumped of it.

    Nothing is of a server that is not the run's own: the programs at hand may not know its version.
    """
    original = template_of(url)
    with only_one_at_a_time("template") as marker:
        dump = marker.with_name("template.sql")
        if not marker.exists():
            with psycopg.connect(url, autocommit=True) as admin:
                make_anew(admin, original)
            leads_there = urlsplit(url)._replace(path=f"/{original}").geturl()
            prepare(leads_there)
            if (find_place(marker.parent).folder / "postgres").exists():
                run_program("pg_dump", "--file", str(dump), leads_there)
            empty_audit_trail(leads_there)
            marker.touch()
    return dump


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
    dump = make_template(os.environ["DATABASE_URL"])
    VarDir(var_dir).make()
    postgres = Postgres(var_dir, settings={"fsync": "off", "full_page_writes": "off"})
    try:
        url = postgres.start()
        if dump.exists():
            run_program("psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={dump}", url)
            run_program("psql", "--quiet", "--no-psqlrc", "--command=ANALYZE couriers_place", url)
        else:
            prepare(url, VAR_DIR=str(var_dir))
    finally:
        postgres.stop()


def run_program(name: str, *arguments: str) -> None:
    """Run one of the programs that come with the run's own PostgreSQL."""
    program = find_place(Path(os.environ["VAR_DIR"])).programs / name
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
