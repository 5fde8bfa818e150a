from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests import callers
from tests.web import web_server

SETTINGS = "tests.integration.rpc.rpc_settings"
ORIGIN = "https://app.customer.example"


@pytest.fixture(scope="session")
def rpc_url(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A web server with the sample handlers, one for all tests."""
    with django_db_blocker.unblock(), web_server(DJANGO_SETTINGS_MODULE=SETTINGS, CORS_ALLOWED_ORIGINS=ORIGIN) as url:
        yield url


@pytest.fixture
def key(committed_db: None) -> str:
    """A key with every right, of an organization of its own."""
    return callers.organization_key()


@pytest.fixture
def render_key(committed_db: None) -> str:
    return callers.service_key("render")
