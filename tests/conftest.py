"""Fixtures of the whole suite."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures_db", "tests.fixtures_places", "tests.programs"]
