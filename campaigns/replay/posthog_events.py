"""Recorded events as PostHog gives them out: taken from its lines, and made what rrweb plays.

Shapes: docs/replay.md, "PostHog".
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from campaigns.replay.events import CUSTOM, FULL_SNAPSHOT, GZIP, INCREMENTAL
from campaigns.replay.posthog_calls import loaded
from ops_console.errors import UpstreamError

# rrweb's sources of incremental events.
MUTATION, STYLE_SHEET_RULE = 0, 8
# What PostHog's own recorder packs, by source, and how it marks that it did.
PACKED = {MUTATION: ("adds", "removes", "texts", "attributes"), STYLE_SHEET_RULE: ("adds", "removes")}
PACKING = "2024-10"
# Of one event, unpacked.
MAX_UNPACKED = 32 * 1024 * 1024


class Unpackable(Exception):
    """An event that cannot be unpacked; the text says why, for people."""


class Event(NamedTuple):
    """One event, still as it came."""

    # Milliseconds since 1970, by the recorded device's clock.
    timestamp: float
    window: str
    type: int
    packed: bytes


def events_of(line: bytes) -> Iterator[Event]:
    """The events of one line: ``[window, event]``, or ``{"window_id", "data"}`` with a list of them.

    Raises:
        UpstreamError: it is of no such shape.
    """
    if not line.strip():
        return
    match loaded(line):
        case [window, event]:
            yield _event(window, event)
        case {"snapshots": list(lines)}:
            for each in lines:
                yield from _of_window(each)
        case other:
            yield from _of_window(other)


def made(type_: int, timestamp: float, window: str, data: dict[str, Any]) -> Event:
    """An event of ours."""
    return Event(timestamp, window, type_, _dumped({"type": type_, "data": data}))


def playable(event: Event) -> bytes:
    """As JSON that rrweb's player takes.

    In place of an event that cannot be unpacked comes a custom one, ``lost``, that says so.
    """
    found = loaded(event.packed)
    try:
        found = _unpacked(found)
    except (Unpackable, UpstreamError) as error:
        found = {"type": CUSTOM, "data": {"tag": "lost", "payload": {"reason": str(error)}}}
    return _dumped(found | {"timestamp": _number(event.timestamp)})


def _of_window(line: Any) -> Iterator[Event]:
    match line:
        case {"window_id": window, "data": list(events)} | {"windowId": window, "data": list(events)}:
            for event in events:
                yield _event(window, event)
        case _:
            raise UpstreamError("PostHog's snapshots are of a shape we do not know.")


def _event(window: Any, event: Any) -> Event:
    match event:
        case {"timestamp": int() | float() as timestamp, "type": int(type_)} if _is_time(timestamp):
            return Event(timestamp, str(window), type_, _dumped(event))
        case _:
            raise UpstreamError("PostHog's snapshots hold an event without a type or a time.")


def _is_time(value: float) -> bool:
    return not isinstance(value, bool) and 0 <= value < 1e15


def _number(value: float) -> float:
    return int(value) if value == int(value) else value


def _unpacked(event: dict[str, Any]) -> dict[str, Any]:
    """Raises: Unpackable."""
    marked = event.pop("cv", None)
    if marked is None:
        return event
    if marked != PACKING:
        raise Unpackable("It is packed in a way we do not know.")
    data = event.get("data")
    if event["type"] == FULL_SNAPSHOT and isinstance(data, str):
        return event | {"data": _parts({"data": data}, ("data",))["data"]}
    if event["type"] == INCREMENTAL and isinstance(data, dict):
        return event | {"data": data | _parts(data, PACKED.get(_source(data), ()))}
    return event


def _source(data: dict[str, Any]) -> int:
    source = data.get("source")
    return source if isinstance(source, int) else -1


def _parts(data: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Those of the members that are packed, unpacked: all of them together within the bound."""
    found: dict[str, Any] = {}
    left = MAX_UNPACKED
    for name in names:
        text = data.get(name)
        if isinstance(text, str) and text:
            unpacked = _gunzip(text, left)
            left -= len(unpacked)
            found[name] = loaded(unpacked)
    return found


def _gunzip(text: str, max_bytes: int) -> bytes:
    """PostHog writes each byte as the character of that number."""
    unpacker = zlib.decompressobj(wbits=GZIP)
    try:
        unpacked = unpacker.decompress(text.encode("latin-1"), max_bytes + 1)
    except (UnicodeEncodeError, zlib.error) as error:
        raise Unpackable("It is no gzip.") from error
    if len(unpacked) > max_bytes:
        raise Unpackable(f"It is larger than {MAX_UNPACKED // 1024 // 1024} MiB.")
    if not unpacker.eof:
        raise Unpackable("It breaks off.")
    return unpacked


def _dumped(event: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise UpstreamError("PostHog's snapshots hold a number that is none.") from error
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, as browsers' consoles print them.
        return json.dumps(event, separators=(",", ":")).encode()
