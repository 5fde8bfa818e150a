"""What saves the suite time, or keeps tests out of each other's way, without changing what a test sees."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from django.conf import settings

# Tests that wait for processes of their own begin first, so that no worker ends with one of them.
SLOW_FIRST = ("tests/faults/", "tests/acceptance/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW_FIRST))


def pytest_collection_finish() -> None:
    # What is imported by now stays to the end: no search for garbage has to go through it again.
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _quick_settings(django_test_environment: None) -> None:
    # Every test client has middleware of its own, which else would list all static files anew.
    settings.WHITENOISE_AUTOREFRESH = True
    # Made to be slow, the default is. Real servers keep it.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _no_limits_in_common(django_test_environment: None) -> None:
    # All tests call from one address, and some in a second what people do in a minute. Tests of limits set their own.
    settings.FAILED_AUTH_PER_MINUTE = 1_000_000
    settings.RATE_BURST = 1_000_000


@pytest.fixture(scope="session")
def site(django_db_setup: None) -> Iterator[str]:
    """The address of a web server on what tests commit, one for all of them."""
    from tests.web import web_server

    with web_server() as url:
        yield url
