from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _sso_servers(request: pytest.FixtureRequest) -> None:
    """Run what requests about identity providers call."""
    params = getattr(request.node, "callspec", None)
    if params is not None and "sso-providers" in str(params.params):
        request.getfixturevalue("idp")
        request.getfixturevalue("name_server")
