"""The places of the Earth, loaded once for a test database."""

from __future__ import annotations

import pytest
from pytest_django import DjangoDbBlocker

from couriers.places import load_places


@pytest.fixture(scope="session")
def places(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Load all places, committed: they stay for the whole run."""
    with django_db_blocker.unblock():
        load_places()
