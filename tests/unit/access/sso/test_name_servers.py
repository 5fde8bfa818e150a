from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from ops_console.access.sso.dns_proof import name_servers


@pytest.mark.parametrize(
    ("given", "servers"),
    [
        ("192.0.2.1", [("192.0.2.1", 53)]),
        ("192.0.2.1:5353", [("192.0.2.1", 5353)]),
        ("2001:db8::1", [("2001:db8::1", 53)]),
        ("[2001:db8::1]", [("2001:db8::1", 53)]),
        ("[2001:db8::1]:5353, 192.0.2.1", [("2001:db8::1", 5353), ("192.0.2.1", 53)]),
    ],
)
def test_addresses_with_and_without_a_port(given: str, servers: list[tuple[str, int]]) -> None:
    assert [(server.address, server.port) for server in name_servers(given)] == servers


@pytest.mark.parametrize("given", ["dns.example.com", "192.0.2.1:x", "192.0.2.1:", ",", "192.0.2.300"])
def test_anything_else_is_told_in_a_sentence(given: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SSO_DNS_RESOLVER"):
        name_servers(given)
