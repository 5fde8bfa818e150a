"""Acme Feathers, and who may set its identity provider up."""

from __future__ import annotations

import pytest

from ops_console.access.actors import Actor
from ops_console.organizations.models import Organization
from tests import factories, sso


@pytest.fixture
def owner(db: None) -> Organization:
    return factories.organization("Acme Feathers")


@pytest.fixture
def admin(owner: Organization) -> Actor:
    return sso.administrator(owner)
