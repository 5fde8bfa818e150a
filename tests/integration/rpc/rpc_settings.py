"""The product's settings with handlers of the tests' own in place of the product's."""

from __future__ import annotations

from ops_console.settings import *  # noqa: F403

RPC_MODULES = ["tests.integration.rpc.sample"]
