from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_console.errors import InvalidInput
from ops_console.outbound.addresses import Address, Reach, check_url, is_public, parse

NAT64 = IPv6Network("64:ff9b::/96")
LOOPBACK = Reach(loopback=True, plain_http=True)


def public(name: str, timeout_s: float) -> Sequence[Address]:
    return [ip_address("93.184.215.14"), ip_address("2606:2800:21f::1")]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://hooks.example.com/a?b=c%20d&e=f",
        "https://EXAMPLE.com:8443/x",
        "https://93.184.215.14/x",
        "https://[2606:2800:21f::1]/x",
        "https://xn--mnchen-3ya.example/",
        "https://[64:ff9b::5db8:d70e]/",
    ],
)
def test_public_https_is_open(url: str) -> None:
    check_url(url, resolve=public)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "https:example.com",
        "https:///x",
        "https://",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://@example.com/",
        "https://example.com/#x",
        "https://example.com/ x",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://example.com\\@127.0.0.1/",
        "https://münchen.example/",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:65536/",
        "https://example.com:x/",
        "https://-a.example.com/",
        "https://a_b.example.com/",
        "https://a..example.com/",
        "https://example.com./",
        "https://example/",
        "https://localhost/",
        "https://a.localhost/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.0.0.1.0x0/",
        "https://10.1.2.3/",
        "https://172.31.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.100.100.200/",
        "https://168.63.129.16/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://198.18.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:a00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2002:a9fe:a9fe::1]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[ff02::1]/",
        "https://[2001:db8::1]/",
        "https://[::1/",
        "https://" + "a" * 64 + ".example/",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_url(url, path=("callbackUrl",), resolve=public)
    assert refusal.value.errors[0].path == ("callbackUrl",)


def test_one_closed_address_among_those_of_a_name_closes_it() -> None:
    with pytest.raises(InvalidInput):
        check_url("https://example.com/", resolve=lambda name, timeout_s: [*public(name, timeout_s), ip_address("::1")])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9009/x", "http://[::1]:9000/", "http://localhost/", "https://localhost/"]
)
def test_loopback_can_be_opened(url: str) -> None:
    check_url(url, reach=LOOPBACK, resolve=lambda name, timeout_s: [ip_address("127.0.0.1")])


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "https://10.0.0.1/", "http://example.com/", "https://169.254.169.254/"]
)
def test_nothing_else_is_opened_with_it(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url, reach=LOOPBACK, resolve=public)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9009/x", "http://localhost/"])
def test_loopback_can_be_opened_for_https_alone(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url, reach=Reach(loopback=True))
    check_url(url.replace("http:", "https:"), reach=Reach(loopback=True))


def test_a_name_for_plain_http_must_be_localhost_even_if_it_points_to_loopback() -> None:
    with pytest.raises(InvalidInput):
        check_url("http://example.com/", reach=LOOPBACK, resolve=lambda name, timeout_s: [ip_address("127.0.0.1")])


@given(st.ip_addresses(v=4))
def test_no_v4_address_that_python_holds_for_special_is_open(address: IPv4Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_no_v6_address_that_python_holds_for_special_is_open(address: IPv6Address) -> None:
    if is_public(address) and address.sixtofour is None and address not in NAT64:
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_an_embedded_v4_address_is_as_open_as_itself(address: IPv4Address) -> None:
    for carrier in (
        IPv6Address(f"::ffff:{address}"),
        IPv6Address(f"64:ff9b::{address}"),
        IPv6Address((0x2002 << 112) | int(address) << 80 | 1),
    ):
        assert is_public(carrier) == is_public(address)


def test_the_host_header_leaves_out_the_scheme_s_own_port() -> None:
    assert parse("https://example.com:443/x").authority == "example.com"
    assert parse("https://example.com:8443/x").authority == "example.com:8443"
    assert parse("https://[2606:2800:21f::1]:8443").authority == "[2606:2800:21f::1]:8443"


def test_the_query_goes_along() -> None:
    assert parse("https://example.com?a=b").path == "/?a=b"
