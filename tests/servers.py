"""The pytest plugin that runs PostgreSQL and Valkey for the length of a test run, in a temporary folder.

Loaded by ``-p tests.servers`` before Django's settings. With ``DATABASE_URL`` or ``REDIS_URL`` set, that server is used
instead. Under xdist the controller runs the servers; each worker has its own database and its own Valkey number.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

# Nothing has to outlive the run, and nothing works beside the tests.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_connections": "200",
}
# What a test run decides itself, whatever the caller's environment holds.
ENVIRONMENT = {
    "SECRET_KEY": "tests-only-secret-key-that-opens-nothing-anywhere",
    "METRICS_TOKEN": "tests-only-metrics-token",
    "DEMO": "0",
    "DEBUG": "0",
    "PORT": "8000",
    "PUBLIC_URL": "http://localhost:8000",
    "EMAIL_URL": "",
}

cleanups: list[Callable[[], None]] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    try:
        if worker := os.environ.get("PYTEST_XDIST_WORKER"):
            use_own_valkey_number(worker)
        else:
            boot()
        return (yield)
    except BaseException:
        stop()
        raise


def pytest_unconfigure() -> None:
    stop()


def boot() -> None:
    var_dir = Path(tempfile.mkdtemp(prefix="pigeon-tests-"))
    var_dir.chmod(0o711)
    cleanups.append(lambda: shutil.rmtree(var_dir, ignore_errors=True))
    os.environ.update(ENVIRONMENT, VAR_DIR=str(var_dir))
    if not os.environ.get("DATABASE_URL"):
        boot_postgres(var_dir)
    else:
        cleanups.append(drop_template)
    if not os.environ.get("REDIS_URL"):
        boot_valkey(var_dir)


def boot_postgres(var_dir: Path) -> None:
    from ops_console.embedded import Postgres

    postgres = Postgres(var_dir, settings=FAST)
    if postgres.place.folder != var_dir:
        cleanups.append(lambda: shutil.rmtree(postgres.place.folder, ignore_errors=True))
    cleanups.append(postgres.stop)
    os.environ["DATABASE_URL"] = postgres.start()


def drop_template() -> None:
    from tests import prepared

    url = os.environ["DATABASE_URL"]
    prepared.drop_database(url, prepared.template_of(url))


def boot_valkey(var_dir: Path) -> None:
    from ops_console.embedded import Valkey

    valkey = Valkey(var_dir)
    cleanups.append(valkey.stop)
    os.environ["REDIS_URL"] = valkey.start()


def use_own_valkey_number(worker: str) -> None:
    number = int(worker.removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()


def stop() -> None:
    while cleanups:
        cleanups.pop()()
