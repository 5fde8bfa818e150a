"""Which headers of its own a workflow may give a webhook."""

from __future__ import annotations

import re

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
