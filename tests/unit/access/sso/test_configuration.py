from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from ops_console.access.sso.configuration import refuse_bad_settings
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


def test_a_process_does_not_start_with_settings_that_cannot_be_right(settings: Settings, tmp_path: Path) -> None:
    refuse_bad_settings()
    settings.SSO_DNS_RESOLVER = "dns.example.com"
    with pytest.raises(ImproperlyConfigured, match="SSO_DNS_RESOLVER"):
        refuse_bad_settings()
    settings.SSO_DNS_RESOLVER = "192.0.2.1"
    refuse_bad_settings()
    (tmp_path / "not.pem").write_text("no certificate")
    for path in (tmp_path / "not.pem", tmp_path / "absent.pem", tmp_path):
        settings.SSO_CA_FILE = str(path)
        with pytest.raises(ImproperlyConfigured, match="SSO_CA_FILE"):
            refuse_bad_settings()
