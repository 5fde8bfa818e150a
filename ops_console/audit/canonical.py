"""The one text form of an audit entry, which its hash is taken over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from ipaddress import IPv6Address, ip_address
from typing import Any
from uuid import UUID

GENESIS = bytes(32)


def plain(value: Any) -> Any:
    """The value as JSON that PostgreSQL gives back unchanged.

    Decimals, floats, times and ids become text; NUL and lone surrogates, which it refuses, a replacement character.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {text(str(plain(key))): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, datetime):
        return instant(value)
    return text(value.isoformat() if isinstance(value, date) else str(value))


def text(value: str) -> str:
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def address(value: str | None) -> str | None:
    """An IP address as PostgreSQL writes it back, None for anything else (a socket's peer has none)."""
    try:
        parsed = ip_address((value or "").split("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def entry_hash(
    previous: bytes,
    *,
    chain: str,
    position: int,
    at: datetime,
    actor: str,
    person_id: UUID | None,
    action: str,
    target_type: str,
    target_id: str,
    before: Any,
    after: Any,
    reason: str,
    address: str | None,
) -> bytes:
    """SHA-256 over the hash of the entry before and every field of this one."""
    fields = {
        "chain": chain,
        "position": position,
        "at": instant(at),
        "actor": actor,
        "person": str(person_id) if person_id else None,
        "action": action,
        "target_type": target_type,
        "target_id": target_id,
        "before": before,
        "after": after,
        "reason": reason,
        "address": address,
    }
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + canonical.encode()).digest()
