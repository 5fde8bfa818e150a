"""Requests for every row of the policy table that has a route; a subject a module."""

from __future__ import annotations

from tests.integration.ops_rest.scenarios import (
    campaigns,
    customers,
    devices,
    heatmaps,
    keys,
    members,
    pigeon,
    replay,
    rosters,
    sso,
    templates,
)
from tests.integration.ops_rest.scenarios.registry import SCENARIOS, Pair, Request

__all__ = [
    "SCENARIOS",
    "Pair",
    "Request",
    "campaigns",
    "customers",
    "devices",
    "heatmaps",
    "keys",
    "members",
    "pigeon",
    "replay",
    "rosters",
    "sso",
    "templates",
]
