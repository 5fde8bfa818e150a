"""The address guard: which of the URLs that others give us may be called.

A URL is checked when it is given (``check_url``) and again at each connect, on the very address connected to
(``addresses_of``), for a name may point elsewhere by then. When it is given, a name that does not resolve within a
second is let pass: the server may not be up yet, and the check at connect is the one that counts.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from ops_console.errors import InvalidInput

Address = IPv4Address | IPv6Address
# (name, seconds it may take) -> addresses; raises OSError when there are none.
Resolver = Callable[[str, float], Sequence[Address]]

MAX_LENGTH = 2048
CHECK_TIMEOUT_S = 1.0
# Lookups a process has under way at most: getaddrinfo cannot be interrupted, so a slow name server keeps threads.
MAX_LOOKUPS = 64

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)
# Clients read a name ending so as an IPv4 address written in an unusual way: 127.1, 0x7f000001.
NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
LOCAL_SUFFIXES = ("localhost", "local", "internal", "home.arpa")

# The special-purpose registries of IANA, spelled out so that no Python version decides; and one metadata service
# that lives on a public address.
CLOSED_V4 = [
    IPv4Network("0.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.31.196.0/24"),
    IPv4Network("192.52.193.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("192.175.48.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
    IPv4Network("168.63.129.16/32"),
]
OPEN_V6 = IPv6Network("2000::/3")
CLOSED_V6 = [
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2620:4f:8000::/48"),
    IPv6Network("3fff::/20"),
]
# Networks whose addresses carry an IPv4 address, and how far to shift it out.
EMBEDDING = [
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
]
LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]


class Refused(Exception):
    """The address guard does not let a call go there."""


@dataclass(frozen=True)
class Reach:
    """What may be called beside public addresses by HTTPS."""

    # Addresses of this machine, and the name localhost.
    loopback: bool = False
    # Plain HTTP, to loopback only.
    plain_http: bool = False


PUBLIC = Reach()


@dataclass(frozen=True)
class Target:
    """A URL taken apart once, so that what is checked is what is called."""

    scheme: str
    # A lower-case name, or an address without brackets.
    host: str
    port: int
    # Path and query.
    path: str
    reach: Reach = PUBLIC

    @property
    def authority(self) -> str:
        """As in the Host header: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default_port(self.scheme) else f"{host}:{self.port}"


def check_url(
    url: str, *, path: tuple[str | int, ...] = (), reach: Reach = PUBLIC, resolve: Resolver | None = None
) -> Target:
    """Refuse a URL no call may go to; ``path`` is where it stands in the request. One DNS lookup, at most 1 s.

    Call it outside transactions.

    Raises:
        InvalidInput: what is wrong with it.
    """
    try:
        target = parse(url, reach)
        with suppress(OSError):
            addresses_of(target, resolve or resolve_name, CHECK_TIMEOUT_S)
    except Refused as refusal:
        raise InvalidInput.field(*path, message=str(refusal), code="url") from refusal
    return target


def parse(url: str, reach: Reach = PUBLIC) -> Target:
    """Take a URL apart.

    Raises:
        Refused: it is malformed, or not of the kind we call.
    """
    if len(url) > MAX_LENGTH:
        raise Refused(f"A URL has at most {MAX_LENGTH} characters.")
    # Parsers differ on each of these, and on what a fragment or a user's name is good for here.
    if not all("!" <= char <= "~" for char in url) or "\\" in url:
        raise Refused("Write the URL in printable ASCII without spaces: names in Punycode, the rest percent-encoded.")
    if "#" in url:
        raise Refused("The URL may not hold a fragment (#).")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise Refused("This is not a URL.") from error
    if "@" in parts.netloc:
        raise Refused("The URL may not hold a user or a password.")
    scheme = parts.scheme
    _check_host(host, reach)
    _check_scheme(scheme, host, reach)
    port = default_port(scheme) if port is None else port
    _check_port(port)
    return Target(scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), reach)


def addresses_of(target: Target, resolve: Resolver, timeout_s: float) -> list[Address]:
    """The addresses to connect to, every one of them checked.

    Raises:
        Refused: one of them may not be called.
        OSError: the name does not resolve, or not in time.
    """
    literal = as_address(target.host)
    found = [literal] if literal else list(resolve(target.host, timeout_s))
    for address in found:
        if not _is_open(address, target):
            raise Refused(f"{target.host} is or resolves to an address that may not be called.")
    return found


def _is_open(address: Address, target: Target) -> bool:
    if target.reach.loopback and is_loopback(address):
        return True
    return target.scheme == "https" and is_public(address)


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in net for net in CLOSED_V4)
    for net, shift in EMBEDDING:
        if address in net:
            return is_public(IPv4Address(int(address) >> shift & 0xFFFFFFFF))
    return address in OPEN_V6 and not any(address in net for net in CLOSED_V6)


def is_loopback(address: Address) -> bool:
    return any(address in net for net in LOOPBACK)


def as_address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def default_port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def resolve_name(name: str, timeout_s: float) -> list[Address]:
    """Ask the system's resolver.

    Raises:
        OSError: there is no such name, or no answer in time.
    """
    if not _lookups.acquire(blocking=False):
        raise TimeoutError("too many name lookups are under way")
    answer: Future[list[Address]] = Future()
    threading.Thread(target=_look_up, args=(name, answer), name="lookup", daemon=True).start()
    try:
        return answer.result(timeout_s)
    except TimeoutError as error:
        raise TimeoutError(f"no answer from the name server in {timeout_s:.0f} s") from error


_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


def _look_up(name: str, answer: Future[list[Address]]) -> None:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        answer.set_result([ip_address(entry[4][0]) for entry in found])
    except Exception as error:  # noqa: BLE001 - handed to the waiting thread
        answer.set_exception(error if isinstance(error, OSError) else OSError("this name cannot be looked up"))
    finally:
        _lookups.release()


def _check_scheme(scheme: str, host: str, reach: Reach) -> None:
    if scheme == "https":
        return
    if scheme != "http" or not reach.plain_http:
        raise Refused("The URL must begin with https://.")
    literal = as_address(host)
    if host != "localhost" and not (literal and is_loopback(literal)):
        raise Refused("Plain http:// is for loopback addresses only.")


def _check_host(host: str, reach: Reach) -> None:
    if as_address(host):
        if "%" in host:
            raise Refused("The URL may not name a network interface.")
        return
    if host == "localhost" and reach.loopback:
        return
    labels = host.split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels) or NUMERIC_LABEL.fullmatch(labels[-1]):
        raise Refused("The URL must name a host: a full domain name or an IP address.")
    if len(labels) < 2 or any(f".{host}".endswith(f".{suffix}") for suffix in LOCAL_SUFFIXES):
        raise Refused("The URL must name a host on the public internet.")


def _check_port(port: int) -> None:
    # Below 1024 other services listen, which could take our request for something in their own language.
    if port < 1024 and port not in (80, 443):
        raise Refused("The port must be 443, 80, or 1024 and above.")
