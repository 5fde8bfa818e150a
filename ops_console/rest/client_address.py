"""Whom a request came from: the only place that decides it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings


def client_address(meta: dict[str, Any]) -> str:
    """The address of the caller, out of a WSGI environment (``request.META``).

    X-Forwarded-For is read from the right, and only as far as each hop is one of ``settings.TRUSTED_PROXIES``.
    """
    address = str(meta.get("REMOTE_ADDR", ""))
    if not is_trusted_proxy(address):
        return address
    for hop in reversed(str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
        hop_address = hop.strip()
        if not _is_address(hop_address):
            break
        address = hop_address
        if not is_trusted_proxy(address):
            break
    return address


def is_trusted_proxy(address: str) -> bool:
    proxies = settings.TRUSTED_PROXIES
    return bool(proxies) and _is_in(address, tuple(proxies))


@lru_cache(maxsize=1024)
def _is_in(address: str, networks: tuple[str, ...]) -> bool:
    return _is_address(address) and any(
        ip_address(address) in ip_network(network, strict=False) for network in networks
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
