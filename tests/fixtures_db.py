"""Databases whose transactions really commit, for tests with several connections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from tests import prepared

# Written by migrations and by nothing else.
REFERENCE_TABLES = frozenset({"auth_permission", "couriers_place", "django_content_type", "django_migrations"})
# Connections one process may open: as many threads as a race test runs, and some.
POOL_SIZE = 64


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    options: dict[str, Any] = settings.DATABASES["default"]["OPTIONS"]
    options["pool"]["max_size"] = max(options["pool"]["max_size"], POOL_SIZE)


# In pytest-django's place, which would migrate in every process, and not for those that ask for committed_db only.
@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    from ops_console.access.services import signing_keys

    settings_dict, url = connection.settings_dict, os.environ["DATABASE_URL"]
    name = settings_dict["TEST"].get("NAME") or f"test_{settings_dict['NAME']}"
    prepared.copy_database(url, name)
    settings_dict["NAME"] = name
    with django_db_blocker.unblock():
        # Once for all tests: making them takes as long as many a test.
        signing_keys.ensure(now=timezone.now())
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        connection.close_pool()  # type: ignore[attr-defined]
    prepared.drop_database(url, name)


@pytest.fixture(scope="session")
def pristine_tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> list[str]:
    """Keep a copy of what the migrations wrote; return the tables that have one."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS pristine CASCADE")
        cursor.execute("CREATE SCHEMA pristine")
        kept = []
        for table in changing_tables():
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
            if cursor.fetchone() == (True,):
                cursor.execute(f"CREATE TABLE pristine.{table} AS TABLE public.{table}")
                kept.append(table)
    return kept


@pytest.fixture
def committed_db(pristine_tables: list[str], django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let the test commit, from any thread; afterwards the tables are as the migrations left them.

    Django's own flush cannot do it: the audit trail and the journal refuse to be emptied.
    """
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            restore(pristine_tables)
            connections.close_all()


def changing_tables() -> list[str]:
    with connection.cursor() as cursor:
        return sorted(set(connection.introspection.table_names(cursor)) - REFERENCE_TABLES)


def filled_tables() -> list[str]:
    """The tables that hold anything. Truncating all would take many times as long."""
    looks = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in changing_tables())
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        return [table for (table,) in cursor.fetchall()]


def restore(pristine_tables: list[str]) -> None:
    with connection.cursor() as cursor:
        # Puts triggers and foreign keys to sleep.
        cursor.execute("SET session_replication_role = replica")
        try:
            for table in filled_tables():
                cursor.execute(f"DELETE FROM {table}")
            for table in pristine_tables:
                cursor.execute(f"INSERT INTO {table} SELECT * FROM pristine.{table}")
        finally:
            cursor.execute("SET session_replication_role = origin")
