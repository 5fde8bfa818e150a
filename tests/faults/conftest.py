"""Houses for fault tests. The server and what the migrations write are made once for a run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from ops_console.embedded import Postgres
from tests.faults.house import House, turned_to
from tests.faults.queues import Queue
from tests.prepared import put_data

# Processes are killed here, machines are not: what the kernel has is safe.
POSTGRES = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
TEMPLATE = "ops_console"
numbers = count(1)


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[Postgres]:
    """A server of these tests' own, whose first database is ready to be copied."""
    folder = new_folder()
    put_data(folder)
    postgres = Postgres(folder, settings=POSTGRES)
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        for made in {folder, postgres.place.folder}:
            shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def house(own_postgres: Postgres, django_db_blocker: DjangoDbBlocker) -> Iterator[House]:
    """A house whose database is migrated, knows all places, and is where Django's connection of this process leads."""
    database = f"house_{next(numbers)}"
    with psycopg.connect(own_postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}".encode())
    folder = new_folder()
    url = own_postgres.url(database)
    with django_db_blocker.unblock(), turned_to(url):
        made = House(folder, own_postgres, url)
        try:
            yield made
        finally:
            made.close()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=[2_000, pytest.param(20_000, marks=pytest.mark.faults)])
def queue(house: House, request: pytest.FixtureRequest) -> Queue:
    """Messages that wait, with a fleet that must fly many times to carry them; more of both in the long tests."""
    return Queue.fill(n_messages=request.param, n_couriers=request.param // 5)


def new_folder() -> Path:
    """A folder that every user may pass through, as PostgreSQL's must."""
    folder = Path(tempfile.mkdtemp(prefix="pigeon-faults-"))
    folder.chmod(0o711)
    return folder
