"""The places of the Earth, which every test database has."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def places(django_db_setup: None) -> None:
    """Say that a test stands on the places."""
