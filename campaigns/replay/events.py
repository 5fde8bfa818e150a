"""What a page sends of a visit: events of rrweb, some seconds together, checked one by one."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NoReturn
from uuid import UUID

from campaigns.heatmaps.screens import CAMPAIGN_PREFIX
from ops_console.errors import FieldError, InvalidInput, TooLarge

# Of a chunk and of all of a visit's, decompressed.
MOST_BYTES = 2**20
MOST_SESSION_BYTES = 50 * 2**20
MOST_CHUNKS = 10_000
# Faults of one chunk that are told.
MOST_FAULTS = 20
# The last instant of JavaScript's clock.
LAST_MS = 8_640_000_000_000_000
GZIP = 16 + zlib.MAX_WBITS

# rrweb's numbers: kinds of events, and what an incremental one tells of.
TYPES = range(8)
FULL_SNAPSHOT, INCREMENTAL, META, CUSTOM = 2, 3, 4, 5
# Mouse moved, used; scrolled; typed; touch moved; media played; dragged; selected.
ACTS = frozenset({1, 2, 3, 5, 6, 7, 12, 14})
SCREEN = "screen"


@dataclass(frozen=True)
class Chunk:
    """Events as they are kept, each a line of JSON, in the order of their timestamps; instants by the device's clock.

    ``n_bytes``: of the body they came in, decompressed. ``active``: seconds since 1970 in which somebody did something.
    """

    number: int
    lines: bytes
    n_bytes: int
    first_ms: int
    last_ms: int
    active: Sequence[int]
    campaigns: frozenset[UUID]

    @property
    def digest(self) -> bytes:
        return sha256(self.lines).digest()


def decompressed(body: bytes) -> bytes:
    """What was compressed by gzip; never more than MOST_BYTES and one are held.

    Raises:
        InvalidInput: at no field: it is no gzip, or not all of one.
        TooLarge: it is more than MOST_BYTES.
    """
    stream = zlib.decompressobj(GZIP)
    try:
        plain = stream.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise _broken("The body is no gzip.", "not_gzip") from error
    refuse_large(plain)
    if not stream.eof or stream.unused_data:
        raise _broken("The body is not one whole gzip.", "not_gzip")
    return plain


def refuse_large(body: bytes) -> None:
    """Raises: TooLarge."""
    if len(body) > MOST_BYTES:
        raise TooLarge(f"A chunk has at most {MOST_BYTES} bytes, decompressed.")


def chunk_in(body: bytes) -> Chunk:
    """The chunk a body, decompressed, tells of.

    Raises:
        InvalidInput: naming what is at fault, the first MOST_FAULTS of it.
    """
    number, events = _members(_document(body))
    faults = [fault for _, fault in zip(range(MOST_FAULTS), _faults(events), strict=False)]
    if faults:
        raise InvalidInput(faults)
    events.sort(key=lambda event: event["timestamp"])
    return Chunk(
        number=number,
        lines=b"".join(_line(event) for event in events),
        n_bytes=len(body),
        first_ms=int(events[0]["timestamp"]),
        last_ms=int(events[-1]["timestamp"]),
        active=sorted({int(event["timestamp"]) // 1000 for event in events if _is_act(event)}),
        campaigns=frozenset(_campaigns(events)),
    )


def _document(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except RecursionError:
        raise _broken("The body is nested too deep.", "too_deep") from None
    except ValueError as error:
        raise _broken(f"The body is not JSON in UTF-8: {error}.", "not_json") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _members(document: Any) -> tuple[int, list[Any]]:
    if not isinstance(document, dict):
        raise _broken("This must be an object.", "invalid")
    faults = [FieldError((name,), "There is no such member.", "unknown") for name in document]
    faults = [fault for fault in faults if fault.path[0] not in ("number", "events")]
    number: Any = document.get("number")
    events: Any = document.get("events")
    if not _is_whole(number) or not 0 <= number < MOST_CHUNKS:
        faults.append(FieldError(("number",), f"This is a whole number from 0 to {MOST_CHUNKS - 1}."))
    if not isinstance(events, list) or not events:
        faults.append(FieldError(("events",), "This is an array of at least one event."))
    if faults:
        raise InvalidInput(faults[:MOST_FAULTS])
    return number, events


def _faults(events: Sequence[Any]) -> Iterator[FieldError]:
    for place, event in enumerate(events):
        if not isinstance(event, dict):
            yield FieldError(("events", place), "This must be an object.")
            continue
        if not _is_whole(event.get("type")) or event["type"] not in TYPES:
            yield FieldError(("events", place, "type"), "This is a whole number from 0 to 7.")
        if not _is_time(event.get("timestamp")):
            yield FieldError(("events", place, "timestamp"), "This is a number of milliseconds since 1970.")
        if not isinstance(event.get("data"), dict):
            yield FieldError(("events", place, "data"), "This must be an object.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= LAST_MS


def _is_act(event: Mapping[str, Any]) -> bool:
    source = event["data"].get("source")
    return event["type"] == INCREMENTAL and _is_whole(source) and source in ACTS


def _campaigns(events: Sequence[Mapping[str, Any]]) -> Iterator[UUID]:
    """Those whose messages the page says it showed."""
    for event in events:
        if event["type"] != CUSTOM or event["data"].get("tag") != SCREEN:
            continue
        payload = event["data"].get("payload")
        name = payload.get("name") if isinstance(payload, dict) else None
        if isinstance(name, str) and name.startswith(CAMPAIGN_PREFIX):
            try:
                yield UUID(name.removeprefix(CAMPAIGN_PREFIX))
            except ValueError:
                continue


def _line(event: Mapping[str, Any]) -> bytes:
    """Raises: InvalidInput where a number is too large to be told again."""
    try:
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:
        # Half of a pair, as a page holds it while somebody types: JSON has it as an escape only.
        return json.dumps(event, separators=(",", ":")).encode() + b"\n"
    except ValueError:
        raise _broken("The body holds a number that is too large.", "not_json") from None


def _broken(message: str, code: str) -> InvalidInput:
    return InvalidInput([FieldError((), message, code)], message)
