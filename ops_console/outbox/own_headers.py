"""Headers of the receiver's own beside ours: which there may be, and how they are kept, for they may hold secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ops_console import secrets_at_rest

# A token of RFC 9110; what a value may hold is narrower than there, for the sake of receivers.
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\x20-\x7e\t]*")
# Of the request itself, and of one connection only (RFC 9110, section 7.6.1).
OF_HTTP = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
OF_THE_SIGNATURE = frozenset({"content-type", "webhook-id", "webhook-signature", "webhook-timestamp"})


def header_fault(name: str, value: str) -> str | None:
    """What is wrong with a header, in words; None if nothing is."""
    if not NAME.fullmatch(name):
        return "A header's name is letters, digits and hyphens."
    if name.lower() in OF_HTTP:
        return f"{name} belongs to HTTP itself."
    if name.lower() in OF_THE_SIGNATURE:
        return f"{name} belongs to our signature."
    if not VALUE.fullmatch(value):
        return "A header's value is one line of printable ASCII."
    if value != value.strip():
        return "A header's value neither begins nor ends with a space."
    return None


def first_fault(headers: Mapping[str, str]) -> str | None:
    """What is wrong with the first of them that may not be; None if all may."""
    return next(filter(None, (header_fault(name, value) for name, value in headers.items())), None)


def seal(headers: Mapping[str, str]) -> bytes | None:
    return secrets_at_rest.encrypt(json.dumps(dict(headers))) if headers else None


def unseal(sealed: bytes | memoryview | None) -> dict[str, str]:
    """What was sealed. Raises: secrets_at_rest.Undecipherable."""
    return {} if sealed is None else dict(json.loads(secrets_at_rest.decrypt(sealed)))


def beside(ours: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """All of them; a User-Agent of its own stands for ours."""
    given = {name.lower() for name in own}
    return {name: value for name, value in ours.items() if name.lower() not in given} | dict(own)
