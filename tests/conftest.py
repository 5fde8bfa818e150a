"""Fixtures of the whole suite."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The machine may be busy: how long an example takes tells nothing.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

pytest_plugins = [
    "tests.fixtures_db",
    "tests.fixtures_places",
    "tests.fixtures_sso",
    "tests.programs",
    "tests.browsers",
    "tests.quick",
    "tests.openid",
    "tests.saml",
]
