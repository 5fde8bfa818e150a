"""Names on the wire: camelCase members and JSON pointers (RFC 6901)."""

from __future__ import annotations

from collections.abc import Iterable


def camel(name: str) -> str:
    """``recipient_id`` as it is written in JSON: ``recipientId``."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def pointer(path: Iterable[str | int]) -> str:
    """The JSON pointer of a member; the whole document's is empty."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
